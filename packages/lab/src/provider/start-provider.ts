import { resolve } from "node:path";
import { assertKnownKeys, integerIn, nonEmptyString } from "@outrigger/core";
import { type Exit, entryExtension } from "../child/spawn-child.ts";
import { type ChildOptions, startChild } from "../child/start-child.ts";
import type { JournalLine } from "./books.ts";
import type { FaultKind, FaultReport, FaultSetting } from "./faults.ts";

export interface ProviderOptions {
  /** Names the provider in its journal and its charges' ids. */
  readonly name: string;
  /**
   * File of what was truly applied, one JSON object per line; made with its folders if need be. A provider that
   * starts on an existing journal knows its keys and charges. What had no effect but must be remembered (blocked
   * and declined keys) stands beside it in `<journalPath>.notes`.
   */
  readonly journalPath: string;
  /** @defaultValue 0: the operating system chooses */
  readonly port?: number;
  /** @defaultValue 0: the operating system chooses */
  readonly controlPort?: number;
  /** What the process prints, line by line. @defaultValue passed on to stderr */
  readonly onLine?: ChildOptions["onLine"];
}

export interface Provider {
  readonly name: string;
  /** The payment API. */
  readonly url: string;
  /** The address that switches faults: `GET /fault`, `PUT /fault`, `GET /counts`, `GET /journal`. */
  readonly controlUrl: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  fault(): Promise<FaultReport>;
  /** Shows this fault from now on; what the last one kept waiting is let go. Resolves when it is in force. */
  setFault(fault: FaultKind | FaultSetting): Promise<FaultReport>;
  /** Everything that was truly applied, in order, whatever fault is on. */
  journal(): Promise<readonly JournalLine[]>;
  stop(): Promise<Exit>;
  /** SIGKILL. */
  kill(): Promise<Exit>;
}

/**
 * Starts a sandbox payment provider in a process of its own, on loopback, and resolves when it answers.
 *
 * - `POST /v1/charges` `{orderId, amount, currency}`, with `Idempotency-Key` once per key, without it once per
 *   call. 402 `CARD_DECLINED` for amounts that end in 13, 409 `KEY_IN_PROGRESS`, 410 `KEY_CANCELLED`, 422
 *   `KEY_REUSED` with another body.
 * - `GET /v1/charges?orderId=` lists the order's charges, cancelled ones included.
 * - `POST /v1/cancels` `{key, orderId}` reverses the charge with that key, or blocks the key for ever.
 * - `GET /journal` and `GET /blocked`: NDJSON.
 */
export async function startProvider(options: ProviderOptions): Promise<Provider> {
  assertKnownKeys("provider", options, ["name", "journalPath", "port", "controlPort", "onLine"]);
  const name = nonEmptyString("provider.name", options.name);
  const child = await startChild<{ readonly url: string; readonly controlUrl: string }>({
    file: new URL(`./main${entryExtension}`, import.meta.url),
    args: [
      JSON.stringify({
        name,
        journalPath: resolve(nonEmptyString("provider.journalPath", options.journalPath)),
        port: integerIn("provider.port", options.port ?? 0, 0, 65_535),
        controlPort: integerIn("provider.controlPort", options.controlPort ?? 0, 0, 65_535),
      }),
    ],
    ...(options.onLine !== undefined && { onLine: options.onLine }),
  });
  const { url, controlUrl } = child.ready;
  return {
    name,
    url,
    controlUrl,
    pid: child.pid,
    exited: child.exited,
    async fault() {
      return (await json(await fetch(`${controlUrl}/fault`))) as FaultReport;
    },
    async setFault(fault) {
      const body = JSON.stringify(typeof fault === "string" ? { kind: fault } : fault);
      const headers = { "content-type": "application/json" };
      return (await json(
        await fetch(`${controlUrl}/fault`, { method: "PUT", headers, body }),
      )) as FaultReport;
    },
    async journal() {
      const text = await (await fetch(`${controlUrl}/journal`)).text();
      return text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as JournalLine);
    },
    stop: () => child.stop(),
    kill: () => child.kill(),
  };
}

async function json(response: Response): Promise<unknown> {
  const body = await response.json();
  if (response.ok) return body;
  const { detail = "no detail" } = body as { readonly detail?: string };
  throw new Error(`the provider's control address answered ${response.status}: ${detail}`);
}

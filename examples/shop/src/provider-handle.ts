import type { FaultKind, Provider } from "@outrigger/lab";
import type { JournalLine } from "./audit/order-book.ts";

/** A running sandbox provider, as the console and the storm see it: only through its addresses. */
export interface ProviderHandle {
  readonly name: string;
  readonly url: string;
  readonly controlUrl: string;
  /** The whole journal. */
  journal(): Promise<readonly JournalLine[]>;
  /** Lines that were added since the last call of this function, from the first line on. */
  newJournalLines(): Promise<readonly JournalLine[]>;
  fault(): Promise<{ readonly kind: FaultKind; readonly used: Readonly<Record<string, number>> }>;
  setFault(kind: FaultKind): Promise<void>;
}

/** A provider's controls answer whatever its fault is; only a machine that is busy beyond measure keeps them from it. */
const answerWithinMs = 60_000;

export function providerHandle({ name, url, controlUrl }: Provider): ProviderHandle {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(controlUrl + path, { ...init, signal: AbortSignal.timeout(answerWithinMs) });
    if (!response.ok) throw new Error(`provider ${name} answered ${response.status} to ${path}`);
    return response;
  };
  let readBytes = 0;
  const parse = (text: string): JournalLine[] =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as JournalLine);
  return {
    name,
    url,
    controlUrl,
    async journal() {
      return parse(await (await ask("/journal")).text());
    },
    async newJournalLines() {
      const text = await (await ask("/journal", { headers: { range: `bytes=${readBytes}-` } })).text();
      readBytes += Buffer.byteLength(text);
      return parse(text);
    },
    async fault() {
      return (await (await ask("/fault")).json()) as Awaited<ReturnType<ProviderHandle["fault"]>>;
    },
    async setFault(kind) {
      await ask("/fault", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ kind }),
      });
    },
  };
}

import { getEventListeners, once } from "node:events";
import { request } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { seededRandom, startChild } from "@outrigger/lab";
import type { PoolSnapshot } from "../../src/index.ts";
import type { ChaosBooks, ChaosClaims, ChaosReady } from "./chaos-server.ts";
import { type Ended, one, type SoakApi, soakApi } from "./workload.ts";

export interface SoakOptions {
  readonly requests: number;
  readonly seed: number;
  /** Calls at a time. */
  readonly width: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly done: number;
  readonly of: number;
  readonly perSecond: number;
  readonly heapMb: number;
}

export interface SoakReport {
  readonly requests: number;
  readonly seed: number;
  readonly seconds: number;
  /** How the calls ended, by code; `ok` for those that succeeded. */
  readonly ended: Readonly<Record<string, number>>;
  /** Events, by type. */
  readonly events: Readonly<Record<string, number>>;
  readonly pool: PoolSnapshot;
  readonly books: Omit<ChaosBooks, "twice" | "denied" | "unsent">;
  /** Heap after a collection, ten times over the run. */
  readonly heapMb: readonly number[];
  readonly bounds: readonly Bound[];
}

/** Something that must hold. */
export interface Bound {
  readonly name: string;
  readonly holds: boolean;
  readonly measured: string;
}

const batches = 10;
/** Calls after the last look at the heap, which takes so long that a timer which was left behind would have run out. */
const coda = 200;

/** Sends many requests to a server that fails at random, and looks at what is left of them. */
export async function soak({ requests, seed, width, onProgress }: SoakOptions): Promise<SoakReport> {
  const child = await startChild<ChaosReady>({
    file: new URL("chaos-server.ts", import.meta.url),
    args: [String(seed), String(requests)],
  });
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    await ask(child.ready.control, { denied: [], unsent: [] });
    const before = await resources();
    const timersBefore = timersNow();
    const startedAtMs = performance.now();
    const tally = new Tally(requests);
    const shutdown = new AbortController();
    const api = soakApi(child.ready.url, seededRandom(seed + 1), tally.event);
    const heapMb: number[] = [];
    for (let batch = 0; batch < batches; batch += 1) {
      const until = Math.round(((requests - coda) * (batch + 1)) / batches);
      await runBatch(api, tally, { until, width, seed, signal: shutdown.signal });
      await idle(api);
      heapMb.push(collectedHeapMb());
      const perSecond = tally.done / ((performance.now() - startedAtMs) / 1_000);
      onProgress?.({ done: tally.done, of: requests, perSecond, heapMb: heapMb.at(-1) ?? 0 });
    }
    await runBatch(api, tally, { until: requests, width, seed, signal: shutdown.signal });
    await idle(api);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    const listeners = getEventListeners(shutdown.signal, "abort").length;
    const { calls, concurrency } = api.snapshot();
    await api.close();
    const timers = timersNow();
    const { pool } = api.snapshot();
    const after = await resources();
    const { twice, denied, unsent, ...books } = await settledBooks(child.ready.control, tally.claims());
    const bounds: Bound[] = [
      bound("no keyed or unkeyed change was applied twice", twice.length === 0, `${twice.length}`),
      bound(
        "no change was applied that was said to have had no effect",
        denied.length === 0,
        `${denied.length}`,
      ),
      bound(
        "nothing was received that was said never to have been sent",
        unsent.length === 0,
        `${unsent.length}`,
      ),
      bound("every call ended", tally.done === requests, `${tally.done} of ${requests}`),
      bound(
        "every call was reported once",
        tally.events["callFinished"] === requests,
        `${tally.events["callFinished"]}`,
      ),
      bound(
        "no call, slot, lease or waiter is left",
        calls.running + (concurrency?.inUse ?? 0) + pool.inUse + pool.waiting === 0,
        `${calls.running} calls, ${concurrency?.inUse} slots, ${pool.inUse} leases, ${pool.waiting} waiters`,
      ),
      bound("no call outlives its caller", concurrency?.outliving === 0, `${concurrency?.outliving}`),
      bound(
        "every connection is closed, by our count and by the server's",
        pool.open === 0 && pool.opened === pool.closed && books.open === 0,
        `${pool.opened} opened, ${pool.closed} closed, ${books.open} open there`,
      ),
      bound(
        "no timer is left when the last call has ended",
        timers === timersBefore,
        `${timersBefore} became ${timers}`,
      ),
      bound(
        "no socket or server is left",
        after === before,
        after === before ? "none" : `${before} became ${after}`,
      ),
      bound("no listener is left on the signal that all calls shared", listeners === 0, `${listeners}`),
      bound("no rejection went unhandled", unhandled.length === 0, `${unhandled.length}`),
      heapBound(heapMb),
    ];
    return { requests, seed, seconds, ended: tally.ended, events: tally.events, pool, books, heapMb, bounds };
  } finally {
    process.off("unhandledRejection", note);
    await child.stop();
  }
}

/** Kept in arrays of fixed size, so that the books of the test are no part of what grows. */
class Tally {
  done = 0;
  readonly ended: Record<string, number> = {};
  readonly events: Record<string, number> = {};
  /** Of each call: 1 for "no effect", 2 for "never sent". */
  readonly #claims: Uint8Array;

  constructor(requests: number) {
    this.#claims = new Uint8Array(requests + 1);
  }

  readonly event = (type: string): void => {
    this.events[type] = (this.events[type] ?? 0) + 1;
  };

  end(id: number, { code, deniedEffect, unsent }: Ended): void {
    this.done += 1;
    const key = code ?? "ok";
    this.ended[key] = (this.ended[key] ?? 0) + 1;
    this.#claims[id] = (deniedEffect ? 1 : 0) + (unsent ? 2 : 0);
  }

  claims(): ChaosClaims {
    const denied: number[] = [];
    const unsent: number[] = [];
    this.#claims.forEach((claim, id) => {
      if ((claim & 1) !== 0) denied.push(id);
      if ((claim & 2) !== 0) unsent.push(id);
    });
    return { denied, unsent };
  }
}

async function runBatch(
  api: SoakApi,
  tally: Tally,
  { until, width, seed, signal }: { until: number; width: number; seed: number; signal: AbortSignal },
): Promise<void> {
  const random = seededRandom(seed + until);
  let next = tally.done;
  const worker = async (): Promise<void> => {
    while (next < until) {
      next += 1;
      const id = next;
      const ended = await one(api, id, random, signal);
      tally.end(id, ended);
      // Refused for want of room, a call ends within its turn; whoever asks again at once is refused again.
      if (ended.code !== undefined) await pause(5);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** What an aborted call left running ends within its own timeouts. */
async function idle(api: SoakApi): Promise<void> {
  for (let nth = 0; nth < 1_000; nth += 1) {
    const { calls, concurrency, pool } = api.snapshot();
    if (calls.running + (concurrency?.inUse ?? 0) + pool.inUse === 0) return;
    await pause(10);
  }
}

let collect: (() => void) | undefined;

function collectedHeapMb(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  for (let nth = 0; nth < 3; nth += 1) collect();
  return process.memoryUsage().heapUsed / 1_048_576;
}

/** The first two samples are warm-up: code is compiled, pools and tables reach their size. */
function heapBound(heapMb: readonly number[]): Bound {
  const steady = heapMb.slice(2);
  const half = steady.length / 2;
  const mean = (part: readonly number[]): number => part.reduce((sum, each) => sum + each, 0) / part.length;
  const growth = mean(steady.slice(half)) / mean(steady.slice(0, half)) - 1;
  return bound(
    "the heap of the second half is that of the first, within 5 %",
    growth <= 0.05,
    `${(growth * 100).toFixed(1)} %: ${heapMb.map((each) => each.toFixed(1)).join(" ")} MB`,
  );
}

function timersNow(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

/** What keeps a process alive, by kind. */
async function resources(): Promise<string> {
  // Sockets close, and immediates run out, within a few turns of the loop.
  await pause(300);
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  counts.delete("Immediate");
  counts.delete("Timeout");
  return [...counts]
    .map(([kind, count]) => `${kind} ${count}`)
    .toSorted()
    .join(", ");
}

/** The server hears of a closed connection a moment later than we do. */
async function settledBooks(control: string, claims: ChaosClaims): Promise<ChaosBooks> {
  let books = await ask(control, claims);
  for (let nth = 0; nth < 100 && books.open > 0; nth += 1) {
    await pause(20);
    books = await ask(control, claims);
  }
  return books;
}

async function ask(control: string, claims: ChaosClaims): Promise<ChaosBooks> {
  const asked = request(control, { method: "POST", agent: false });
  asked.end(JSON.stringify(claims));
  const [answer] = (await once(asked, "response")) as [AsyncIterable<Buffer>];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return JSON.parse(text) as ChaosBooks;
}

function bound(name: string, holds: boolean, measured: string): Bound {
  return { name, holds, measured };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

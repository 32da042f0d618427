// One client with so many callers, in a process of its own: `node http-client.ts <client> <callers> <port>`.
// It warms up, says that it is ready, and then measures for as long as it is told, each time it is told.
import { clients, type Get } from "./http-clients.ts";

/** What one turn has shown. */
export interface Turn {
  readonly perSecond: number;
  /** Of this process, user and system, for one request. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const [name = "", callers = "1", port = "0"] = process.argv.slice(2);
const make = clients[name];
if (make === undefined) throw new Error(`there is no client ${name}`);
const get = make(Number(port), Number(callers));
/** CPU time before the first turn: short warm-ups flatter the wrong side. */
const warmUpMs = 2_500;
/** Before a turn is measured. */
const rampMs = 100;

/** Calls without a pause from all callers until the end. */
async function load(get: Get, isOver: () => boolean, heard: (startedAtMs: number) => void): Promise<void> {
  const caller = async (): Promise<void> => {
    while (!isOver()) {
      const startedAtMs = performance.now();
      await get();
      heard(startedAtMs);
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, caller));
}

/**
 * What happens between `rampMs` and `rampMs + ms` of a load: a client that waited for its turn has connections to make
 * again, and all callers start at once, which is no steady state.
 */
async function turn(ms: number): Promise<Turn> {
  const latencies: number[] = [];
  const fromMs = performance.now() + rampMs;
  const untilMs = fromMs + ms;
  let before: { readonly cpu: NodeJS.CpuUsage; readonly atMs: number } | undefined;
  let after: { readonly cpu: NodeJS.CpuUsage; readonly atMs: number } | undefined;
  const mark = (atMs: number) => ({ cpu: process.cpuUsage(before?.cpu), atMs });
  await load(
    get,
    () => after !== undefined,
    (startedAtMs) => {
      const nowMs = performance.now();
      if (nowMs < fromMs || after !== undefined) return;
      if (before === undefined) before = mark(nowMs);
      else latencies.push(nowMs - startedAtMs);
      if (nowMs >= untilMs) after = mark(nowMs);
    },
  );
  const tookMs = (after?.atMs ?? Number.NaN) - (before?.atMs ?? Number.NaN);
  const { user, system } = after?.cpu ?? { user: Number.NaN, system: Number.NaN };
  latencies.sort((a, b) => a - b);
  const at = (ratio: number): number => latencies[Math.floor(latencies.length * ratio)] ?? Number.NaN;
  return {
    perSecond: (latencies.length * 1_000) / tookMs,
    cpuMicros: (user + system) / latencies.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const first = await get();
if (JSON.stringify(first).length < 1_000) throw new Error(`${name} did not read the answer`);
const startMs = cpuMs();
await load(
  get,
  () => cpuMs() - startMs >= warmUpMs,
  () => {},
);
process.on("message", (ms: number) => void turn(ms).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit());
process.send?.("ready");

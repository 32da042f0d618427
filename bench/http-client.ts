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

/** Calls without a pause from all callers until the end. */
async function load(get: Get, isOver: () => boolean, latencies?: number[]): Promise<number> {
  let done = 0;
  const caller = async (): Promise<void> => {
    while (!isOver()) {
      const startedAtMs = performance.now();
      await get();
      latencies?.push(performance.now() - startedAtMs);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, caller));
  return done;
}

async function turn(ms: number): Promise<Turn> {
  const latencies: number[] = [];
  // The connections of a client that waited for its turn may have closed meanwhile.
  const untilMs = performance.now() + ms / 4;
  await load(get, () => performance.now() >= untilMs);
  const cpu = process.cpuUsage();
  const startedAtMs = performance.now();
  const done = await load(get, () => performance.now() - startedAtMs >= ms, latencies);
  const tookMs = performance.now() - startedAtMs;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (ratio: number): number => latencies[Math.floor(latencies.length * ratio)] ?? Number.NaN;
  return {
    perSecond: (done * 1_000) / tookMs,
    cpuMicros: (user + system) / done,
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
await load(get, () => cpuMs() - startMs >= warmUpMs);
process.on("message", (ms: number) => void turn(ms).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit());
process.send?.("ready");

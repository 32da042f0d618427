import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { cpus } from "node:os";
import type { Turn } from "./http-client.ts";
import { clients } from "./http-clients.ts";
import { type WaitersCost, waitersCost } from "./http-waiters.ts";
import { median } from "./measure.ts";

/** A claim: a figure of ours, divided by the same figure of another client in the same round. */
interface Bound {
  readonly claim: string;
  readonly callers: number;
  readonly figure: "perSecond" | "p99Ms";
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const ours = "outrigger";
const raw = "undici.request";
const levels = [1, 50, 500];

const bounds: readonly Bound[] = levels.flatMap((callers) => [
  {
    claim: "requests per second: of undici.request",
    callers,
    figure: "perSecond" as const,
    against: raw,
    atLeast: callers === 500 ? 0.9 : 0.95,
  },
  { claim: "p99: of undici.request", callers, figure: "p99Ms" as const, against: raw, atMost: 1.1 },
  // Where the client is what takes the time. With one caller it is the server and the kernel; and 500 sockets cost the
  // bare client so much more that it is not five times as fast as axios itself.
  ...(callers !== 50
    ? []
    : [
        {
          claim: "requests per second: of axios",
          callers,
          figure: "perSecond" as const,
          against: "axios",
          atLeast: 5,
        },
        {
          claim: "requests per second: of got",
          callers,
          figure: "perSecond" as const,
          against: "got",
          atLeast: 6,
        },
      ]),
]);

/** Waiting for a connection behind 1,000 others, against 10. */
const waitersAtMost = 1.5;

interface Judged extends Bound {
  readonly measured: number;
  readonly kept: boolean;
}

type Turns = ReadonlyMap<string, readonly Turn[]>;

/**
 * `npm run bench -- http [--json] [--rounds 18] [--only <client or callers, a pattern>]`
 *
 * Each client runs in processes of its own, one after the other, and is warm before its first round; in a round they take
 * turns of half a second, and the medians of the rounds are compared. So what else the machine does meets all of them alike.
 */
export async function benchHttp(args: readonly string[]): Promise<boolean> {
  const json = args.includes("--json");
  const rounds = Number(args[args.indexOf("--rounds") + 1] ?? 18) || 18;
  const only = args.includes("--only") ? new RegExp(args[args.indexOf("--only") + 1] ?? "") : undefined;
  const server = start("http-server.ts", []);
  const [{ port }] = (await once(server, "message")) as [AddressInfo];
  const measured = new Map<number, Turns>();
  let waiters: WaitersCost | undefined;
  try {
    for (const callers of levels) {
      const names = Object.keys(clients).filter((name) => only?.test(`${name}, ${callers}`) ?? true);
      if (names.length > 0) measured.set(callers, await takeTurns(names, callers, port, rounds, json));
    }
    if (only?.test("waiters") ?? true) waiters = await waitersCost(port);
  } finally {
    server.kill();
  }
  const judged = bounds.flatMap((bound) => judge(bound, measured));
  print({ json, rounds, measured, judged, waiters });
  return judged.every(({ kept }) => kept) && (waiters === undefined || waiters.ratio <= waitersAtMost);
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(new URL(file, import.meta.url), [...args], { execArgv: ["--conditions=@outrigger/source"] });
}

/** The rounds in three parts, each with new processes: what one process has learnt by chance is a third of the whole. */
async function takeTurns(
  names: readonly string[],
  callers: number,
  port: number,
  rounds: number,
  quiet: boolean,
): Promise<Turns> {
  const turns = new Map<string, Turn[]>(names.map((name) => [name, []]));
  for (const part of [0, 1, 2]) {
    const upTo = Math.round(((part + 1) * rounds) / 3);
    const some = await takeSome(names, callers, port, [Math.round((part * rounds) / 3), upTo], quiet);
    for (const [name, each] of some) turns.get(name)?.push(...each);
  }
  return turns;
}

async function takeSome(
  names: readonly string[],
  callers: number,
  port: number,
  [from, upTo]: readonly [from: number, upTo: number],
  quiet: boolean,
): Promise<Turns> {
  const say = (text: string): void => {
    if (!quiet) process.stderr.write(`\r${`${callers} callers: ${text}`.padEnd(70)}`);
  };
  const children = new Map<string, ChildProcess>();
  const turns = new Map<string, Turn[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) {
      say(`warming up ${name}`);
      const child = start("http-client.ts", [name, String(callers), String(port)]);
      children.set(name, child);
      await answerOf(child, name);
    }
    for (let round = from + 1; round <= upTo; round += 1) {
      say(`round ${round}`);
      for (const name of orderOf(names, round)) {
        const child = children.get(name);
        child?.send(turnMs);
        if (child !== undefined) turns.get(name)?.push((await answerOf(child, name)) as Turn);
      }
    }
  } finally {
    for (const child of children.values()) child.kill();
  }
  return turns;
}

const turnMs = 500;

/**
 * A Williams design: over as many rounds as there are names, each has each place once, and comes after each other one as
 * often. With the order turned around each time, the first would have two turns in a row, and never a cold start.
 */
function orderOf(names: readonly string[], round: number): readonly string[] {
  const { length } = names;
  return names.map((_, place) => {
    const step = place % 2 === 1 ? (place + 1) / 2 : length - place / 2;
    return names[(step + round) % length] ?? "";
  });
}

/** The next message of a child. @throws when it ends instead. */
async function answerOf(child: ChildProcess, name: string): Promise<unknown> {
  const gone = new AbortController();
  const message = once(child, "message", gone).then(([value]: unknown[]) => value);
  const exit = once(child, "exit", gone).then(([code]: unknown[]) => {
    throw new Error(`the process of ${name} ended with ${code}`);
  });
  try {
    return await Promise.race([message, exit]);
  } finally {
    gone.abort();
    await Promise.allSettled([message, exit]);
  }
}

function judge(bound: Bound, measured: ReadonlyMap<number, Turns>): Judged[] {
  const turns = measured.get(bound.callers);
  const own = turns?.get(ours);
  const other = turns?.get(bound.against);
  if (own === undefined || other === undefined) return [];
  const value = middle(bound.figure, own) / middle(bound.figure, other);
  const { atMost = Number.POSITIVE_INFINITY, atLeast = 0 } = bound;
  return [{ ...bound, measured: value, kept: value <= atMost && value >= atLeast }];
}

function middle(figure: keyof Turn, turns: readonly Turn[]): number {
  return median(turns.map((turn) => turn[figure]));
}

interface Report {
  readonly json: boolean;
  readonly rounds: number;
  readonly measured: ReadonlyMap<number, Turns>;
  readonly judged: readonly Judged[];
  readonly waiters: WaitersCost | undefined;
}

function print({ json, rounds, measured, judged, waiters }: Report): void {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    rounds,
    commit: spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim(),
  };
  const rows = [...measured].flatMap(([callers, turns]) =>
    [...turns].map((each) => row(callers, ...each, turns)),
  );
  if (json) {
    console.log(JSON.stringify({ machine, medians: rows, bounds: judged, waiters }, undefined, 2));
    return;
  }
  process.stderr.write(`\r${" ".repeat(78)}\r`);
  console.log(
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", "),
  );
  console.log(
    "\nMedians of the rounds. GET of 1 KB JSON, read and parsed; CPU is the client's own for one request.",
  );
  console.log(
    "  callers  client                 req/s    CPU us   p50 ms   p99 ms   req/s of undici.request",
  );
  for (const each of rows) {
    console.log(
      `  ${String(each.callers).padStart(7)}  ${each.client.padEnd(20)} ${each.perSecond.toFixed(0).padStart(7)}` +
        ` ${each.cpuMicros.toFixed(1).padStart(9)} ${each.p50Ms.toFixed(2).padStart(8)} ${each.p99Ms.toFixed(2).padStart(8)}` +
        `   ${each.ratio.toFixed(2).padStart(6)}`,
    );
  }
  console.log("\nBounds");
  for (const { claim, callers, measured: value, atMost, atLeast, kept } of judged) {
    const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    console.log(
      `  ${kept ? "ok    " : "MISSED"} ${`${callers} callers, ${claim}`.padEnd(60)} ${value.toFixed(3)}  (${bound})`,
    );
  }
  if (waiters === undefined) return;
  const kept = waiters.ratio <= waitersAtMost;
  console.log(
    `  ${kept ? "ok    " : "MISSED"} ${"waiting behind 1,000 for a connection: of behind 10".padEnd(60)} ` +
      `${waiters.ratio.toFixed(3)}  (at most ${waitersAtMost}; ${waiters.many.toFixed(0)} ns)`,
  );
}

interface Row extends Turn {
  readonly callers: number;
  readonly client: string;
  /** Requests per second, of undici.request's. */
  readonly ratio: number;
}

function row(callers: number, client: string, own: readonly Turn[], turns: Turns): Row {
  const of = (figure: keyof Turn): number => median(own.map((turn) => turn[figure]));
  const rawTurns = turns.get(raw) ?? [];
  const ratio = middle("perSecond", own) / middle("perSecond", rawTurns);
  return {
    callers,
    client,
    perSecond: of("perSecond"),
    cpuMicros: of("cpuMicros"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    ratio,
  };
}

import { cpus } from "node:os";
import { createDatabase, startPostgres } from "@outrigger/lab";
import { gathered, outrigger, type Side, twoCommits } from "./ledger-cases.ts";
import { recovery, skipLockedFloor } from "./ledger-recovery.ts";
import { median } from "./measure.ts";

/** Peers that belong here as soon as they are installed: one side each, as in `ledger-cases.ts`. */
const peers = ["@dbos-inc/dbos-sdk", "pg-boss"] as const;

interface Judged {
  readonly claim: string;
  readonly ratio: number | undefined;
  readonly bound: string;
  readonly kept: boolean;
}

const turnMs = 1_500;
const callers = [1, 64] as const;

/** Whole operations a second by side and callers, one number for each round. */
type Measured = ReadonlyMap<string, readonly number[]>;

/**
 * `npm run bench -- ledger [--json] [--rounds 5] [--history 1000000] [--only whole|collapse|recovery]`
 *
 * A PostgreSQL of its own, with fsync on. All sides are warm before the first round; in a round they take turns, and a
 * ratio is one of two turns of the same round, so what else the machine does meets all of them alike.
 */
export async function benchLedger(args: readonly string[]): Promise<boolean> {
  const json = args.includes("--json");
  const numberOf = (name: string, otherwise: number): number =>
    args.includes(name) ? Number(args[args.indexOf(name) + 1]) : otherwise;
  const rounds = numberOf("--rounds", 5);
  const history = numberOf("--history", 1_000_000);
  const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : undefined;
  const wanted = (part: string): boolean => only === undefined || only === part;
  const say = (text: string): void => {
    if (process.stderr.isTTY && !json) process.stderr.write(`\r${text.padEnd(70)}`);
  };
  const server = await startPostgres({ fsync: true });
  try {
    const fresh = async (): Promise<string> => (await createDatabase(server.url, "bench")).url;
    const judged: Judged[] = [];
    let measured: Measured = new Map();
    if (wanted("whole")) {
      measured = await whole(fresh, rounds, say);
      judged.push(...wholeClaims(measured));
    }
    if (wanted("collapse")) judged.push(await collapse(await fresh(), say));
    if (wanted("recovery")) judged.push(...(await recoveryClaims(fresh, history, say)));
    say("");
    print({ json, rounds, history, measured, judged });
    return judged.every(({ kept }) => kept);
  } finally {
    await server.stop();
  }
}

async function whole(
  fresh: () => Promise<string>,
  rounds: number,
  say: (text: string) => void,
): Promise<Measured> {
  const sides = [
    await twoCommits(await fresh()),
    await gathered(await fresh()),
    await outrigger(await fresh(), "singly"),
    await outrigger(await fresh(), "together"),
  ];
  const measured = new Map<string, number[]>();
  try {
    for (const count of callers) {
      for (const side of sides) {
        say(`warming up ${side.name}, ${count} callers`);
        await perSecond(side, count, turnMs);
      }
      for (let round = 1; round <= rounds; round += 1) {
        say(`${count} callers: round ${round} of ${rounds}`);
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          const name = `${side.name}, ${count}`;
          measured.set(name, [...(measured.get(name) ?? []), await perSecond(side, count, turnMs)]);
        }
      }
    }
  } finally {
    for (const side of sides) await side.close();
  }
  return measured;
}

async function perSecond(side: Side, count: number, ms: number): Promise<number> {
  const startedAtMs = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (performance.now() - startedAtMs < ms) {
        await side.one();
        done += 1;
      }
    }),
  );
  return (done / (performance.now() - startedAtMs)) * 1_000;
}

function wholeClaims(measured: Measured): readonly Judged[] {
  const ratio = (name: string, against: string): number =>
    median(
      (measured.get(name) ?? []).map(
        (value, round) => value / (measured.get(against)?.[round] ?? Number.NaN),
      ),
    );
  const alone = ratio("outrigger, singly, 1", "floor: two commits, 1");
  const together = ratio("outrigger, together, 1", "floor: two commits, 1");
  const lateMs = median(
    (measured.get("outrigger, together, 1") ?? []).map(
      (value, round) => 1_000 / value - 1_000 / (measured.get("outrigger, singly, 1")?.[round] ?? Number.NaN),
    ),
  );
  return [
    atLeast("1 caller: of the two-commit floor", alone, 0.8),
    atLeast("1 caller, gathering: of the two-commit floor", together, 0.8),
    {
      claim: "1 caller: what gathering adds, in ms",
      ratio: lateMs,
      bound: "at most 1",
      kept: lateMs <= 1,
    },
    atLeast(
      "64 callers: of the gathered floor",
      ratio("outrigger, together, 64", "floor: gathered, 64"),
      0.5,
    ),
    ...peers.map((peer) => ({
      claim: `64 callers: ${peer}, when it is installed`,
      ratio: undefined,
      bound: peer === "pg-boss" ? "reported" : "at least 20",
      kept: true,
    })),
  ];
}

function atLeast(claim: string, ratio: number, bound: number): Judged {
  return { claim, ratio, bound: `at least ${bound}`, kept: ratio >= bound };
}

/** Statistics of an empty table, and then 100,000 operations: what another engine collapsed at. */
async function collapse(url: string, say: (text: string) => void): Promise<Judged> {
  const side = await outrigger(url, "together", "alter table %s set (autovacuum_enabled = false)");
  try {
    const first = await perSecond(side, 64, 2 * turnMs);
    const until = 100_000;
    for (let done = 0; done < until; ) {
      say(`64 callers, without ANALYZE: ${done} of ${until} operations`);
      done += Math.round((await perSecond(side, 64, turnMs)) * (turnMs / 1_000));
    }
    const last = await perSecond(side, 64, 2 * turnMs);
    return atLeast("after 100,000 operations without ANALYZE: of the first ones", last / first, 0.5);
  } finally {
    await side.close();
  }
}

async function recoveryClaims(
  fresh: () => Promise<string>,
  history: number,
  say: (text: string) => void,
): Promise<readonly Judged[]> {
  say("recovery: the floor of SKIP LOCKED");
  const floor = await skipLockedFloor(await fresh(), 100_000);
  say(`recovery: with none, and with ${history} ended operations`);
  const { withoutHistory, withHistory } = await recovery(await fresh(), 10_000, history);
  const slower = withoutHistory / withHistory;
  return [
    atLeast(
      `recovery, ${Math.round(withoutHistory)}/s: of the SKIP LOCKED floor, ${Math.round(floor)}/s`,
      withoutHistory / floor,
      0.5,
    ),
    {
      claim: `recovery with ${history} ended operations: times slower`,
      ratio: slower,
      bound: "at most 1.3",
      kept: slower <= 1.3,
    },
  ];
}

interface Report {
  readonly json: boolean;
  readonly rounds: number;
  readonly history: number;
  readonly measured: Measured;
  readonly judged: readonly Judged[];
}

function print({ json, rounds, history, measured, judged }: Report): void {
  const [cpu] = cpus();
  const machine = { node: process.version, cpu: cpu?.model ?? "", cores: cpus().length };
  const medians = [...measured].map(([name, values]) => ({ name, perSecond: Math.round(median(values)) }));
  if (json) {
    console.log(JSON.stringify({ machine, rounds, history, perSecond: medians, bounds: judged }));
    return;
  }
  console.log(`Node ${machine.node}, ${machine.cores} x ${machine.cpu}, ${rounds} rounds, fsync on`);
  console.log("\nwhole operations, callers".padEnd(42), "per second");
  for (const { name, perSecond: value } of medians) console.log(name.padEnd(41), String(value).padStart(10));
  console.log();
  for (const { claim, ratio, bound, kept } of judged) {
    const value = ratio === undefined ? "not measured" : ratio.toFixed(2);
    console.log(`${kept ? "   " : "NO "} ${claim}: ${value} (${bound})`);
  }
}

import { gathered, outrigger, type Side, twoCommits } from "./ledger-cases.ts";
import {
  atLeast,
  atMost,
  type BenchContext,
  inTurns,
  type Judged,
  type Measured,
  notMeasured,
  type Part,
  type PartResult,
  perSecond,
  ratioIn,
  reported,
  turnMs,
} from "./ledger-turns.ts";
import { median } from "./measure.ts";

/** Whole operations against the floors and the peers, which take turns in the same rounds. */
export const wholePart: Part = {
  name: "whole",
  async run(context) {
    const sides: Side[] = [];
    const failed: Judged[] = [];
    try {
      for (const make of [twoCommits, gathered]) sides.push(await make(await context.fresh()));
      for (const how of ["singly", "together"] as const)
        sides.push(await outrigger(await context.fresh(), how));
      for (const peer of peers) {
        try {
          sides.push(await (await peer.load())(await context.fresh()));
        } catch (error) {
          failed.push(notMeasured(`64 callers: times ${peer.name}`, error));
        }
      }
      const measured = await inTurns(sides, context);
      const there = peers.filter(({ name }) => sides.some((side) => side.name === name));
      return { measured, judged: [...claims(measured, there), ...failed] };
    } finally {
      for (const side of sides) await side.close();
    }
  },
};

interface Peer {
  readonly name: string;
  /** Loaded when it is needed, so that one that is not installed is a claim that is not kept, and no more. */
  load(): Promise<(url: string) => Promise<Side>>;
  claim(times: number): Judged;
}

const peers: readonly Peer[] = [
  {
    name: "DBOS",
    load: async () => (await import("./ledger-peers-dbos.ts")).dbos,
    claim: (times) => atLeast("64 callers: times DBOS", times, 20),
  },
  {
    name: "pg-boss",
    load: async () => (await import("./ledger-peers-pg-boss.ts")).pgBoss,
    claim: (times) => reported("64 callers: times pg-boss", times),
  },
];

function claims(measured: Measured, there: readonly Peer[]): readonly Judged[] {
  const ratio = (name: string, against: string): number => ratioIn(measured, name, against);
  const lateMs = median(
    (measured.get("outrigger, together, 1") ?? []).map(
      (value, round) => 1_000 / value - 1_000 / (measured.get("outrigger, singly, 1")?.[round] ?? Number.NaN),
    ),
  );
  return [
    atLeast("1 caller: of the two-commit floor", ratio("outrigger, singly, 1", "floor: two commits, 1"), 0.8),
    atLeast(
      "1 caller, gathering: of the two-commit floor",
      ratio("outrigger, together, 1", "floor: two commits, 1"),
      0.8,
    ),
    atMost("1 caller: what gathering adds, in ms", lateMs, 1),
    atLeast(
      "64 callers: of the gathered floor",
      ratio("outrigger, together, 64", "floor: gathered, 64"),
      0.5,
    ),
    ...there.map(({ name, claim }) => claim(ratio("outrigger, together, 64", `${name}, 64`))),
  ];
}

/** The same with functions for the business rows, which wait for the database three times as often. */
export const functionsPart: Part = {
  name: "functions",
  async run(context) {
    const sides: Side[] = [];
    try {
      for (const make of [twoCommits, gathered]) sides.push(await make(await context.fresh()));
      for (const how of ["functions, singly", "functions, together"] as const)
        sides.push(await outrigger(await context.fresh(), how));
      const measured = await inTurns(sides, context);
      const ratio = (name: string, against: string): number => ratioIn(measured, name, against);
      return {
        measured: new Map([...measured].filter(([name]) => name.startsWith("outrigger"))),
        judged: [
          reported(
            "functions, 1 caller: of the two-commit floor",
            ratio("outrigger, functions, singly, 1", "floor: two commits, 1"),
          ),
          reported(
            "functions, 64 callers: of the gathered floor",
            ratio("outrigger, functions, together, 64", "floor: gathered, 64"),
          ),
        ],
      };
    } finally {
      for (const side of sides) await side.close();
    }
  },
};

const collapseOperations = 100_000;

/** With the statistics of an empty table: what another engine collapsed at. */
export const collapsePart: Part = {
  name: "collapse",
  async run({ fresh, say }: BenchContext): Promise<PartResult> {
    const side = await outrigger(
      await fresh(),
      "together",
      "alter table %s set (autovacuum_enabled = false)",
    );
    try {
      const first = await perSecond(side, 64, 3 * turnMs);
      for (let done = 0; done < collapseOperations; ) {
        say(`64 callers, without ANALYZE: ${done} of ${collapseOperations} operations`);
        done += Math.round((await perSecond(side, 64, turnMs)) * (turnMs / 1_000));
      }
      const last = await perSecond(side, 64, 3 * turnMs);
      return {
        judged: [atLeast("after 100,000 operations without ANALYZE: of the first ones", last / first, 0.5)],
      };
    } finally {
      await side.close();
    }
  },
};

import { messageOf } from "../run/describe.ts";
import type { Engine } from "../run/engine.ts";
import {
  type Classified,
  type ClassifyBounds,
  classify,
  type FindingClass,
  findingClasses,
  type ItemClass,
} from "./classify.ts";
import { DayTotals, dayOf } from "./days.ts";
import { sortedByKey } from "./external-sort.ts";
import { ledgerKeyOf, ledgerRows, localRow } from "./ledger-rows.ts";
import { mergeByKey, type Pair } from "./merge.ts";
import type { ReconciliationSettings } from "./options.ts";
import {
  type BrokenLine,
  type CheckedRemote,
  checkedRemote,
  isBroken,
  type RemoteRows,
  type TimeRange,
} from "./rows.ts";
import { placeOf } from "./sources.ts";
import type { NewFinding } from "./tables.ts";

/** What is stored at a time, with the cursor. */
export interface Part {
  readonly afterKey: string;
  readonly totals: ReturnType<DayTotals["take"]>;
  readonly findings: readonly NewFinding[];
}

export interface DayInput {
  readonly range: TimeRange;
  readonly remote: RemoteRows;
  /** The last key that is stored already; null at the day's start. */
  readonly afterKey: string | null;
  readonly youngFromAtMs: number;
}

/** Pairs between two writes of the cursor: what a crash makes to be looked at again. */
const pairsInPart = 20_000;
/** What one write carries. */
const findingsInPart = 500;
/** Broken lines that are told one by one; of more the number is enough. */
const brokenAtMost = 1_000;

/** One day, as parts in the order of the keys. A part without anything ends it where the day has broken lines only. */
export async function* readDay<Tx>(
  engine: Engine<Tx>,
  settings: ReconciliationSettings,
  { range, remote, afterKey, youngFromAtMs }: DayInput,
): AsyncGenerator<Part> {
  const { rowsInMemory, overlapMs, offset } = settings;
  const day = dayOf(range.fromAtMs, offset);
  const bounds: ClassifyBounds = { range, youngFromAtMs };
  const around = { fromAtMs: range.fromAtMs - overlapMs, toAtMs: range.toAtMs + overlapMs };
  const broken: BrokenLine[] = [];
  let brokenLines = 0;
  const theirs = sortedByKey(
    checkedRows(remote, (line) => {
      brokenLines += 1;
      if (broken.length < brokenAtMost) broken.push(line);
    }),
    { rowsInMemory },
  );
  const ours = sortedByKey(ledgerRows(engine.store, around, settings.rows), { rowsInMemory });
  const totals = new DayTotals();
  let findings: NewFinding[] = [];
  let pairs = 0;
  let last = afterKey ?? "";
  let brokenTold = afterKey !== null;
  const part = (): Part => {
    if (!brokenTold) {
      brokenTold = true;
      for (let count = 0; count < brokenLines; count += 1) totals.add("brokenLine", undefined);
      findings.push(...broken.map((line) => brokenFinding(day, line)));
    }
    const made = { afterKey: last, totals: totals.take(day), findings };
    findings = [];
    pairs = 0;
    return made;
  };
  for await (const batch of mergeByKey(theirs, ours)) {
    for (const pair of batch) {
      pairs += 1;
      if (afterKey !== null && pair.key <= afterKey) continue;
      last = pair.key;
      const first = classify(pair, bounds);
      // Nearly every pair is plain, and a wait for each would cost more than the pair.
      const item =
        first?.class === "orphanRemote" ? await owned(engine, settings, pair, first, bounds) : first;
      if (item === undefined) continue;
      totals.add(item.class, item);
      if (isFinding(item.class)) findings.push(findingOf(settings, day, item, brokenLines));
      if (findings.length >= findingsInPart) yield part();
    }
    if (pairs >= pairsInPart) yield part();
  }
  yield part();
}

/** It may have been created long before its effect. Only what the ledger does not know at all has no owner. */
async function owned<Tx>(
  { store }: Engine<Tx>,
  { rows }: ReconciliationSettings,
  pair: Pair,
  orphan: Classified,
  bounds: ClassifyBounds,
): Promise<Classified | undefined> {
  const key = ledgerKeyOf(pair.key, rows);
  if (key === undefined) return orphan;
  const stored = await store.findByKey(rows.operation, key);
  if (stored === undefined || !stored.providers.includes(rows.provider)) return orphan;
  return classify({ ...pair, local: localRow(stored, rows) }, bounds);
}

async function* checkedRows(
  remote: RemoteRows,
  broken: (line: BrokenLine) => void,
): AsyncGenerator<readonly CheckedRemote[]> {
  let number = 0;
  for await (const batch of remote) {
    const rows: CheckedRemote[] = [];
    for (const item of batch) {
      number += 1;
      if (isBroken(item)) {
        broken(item);
        continue;
      }
      try {
        rows.push(checkedRemote(item));
      } catch (error) {
        broken({ line: placeOf(item) ?? number, problem: messageOf(error) });
      }
    }
    yield rows;
  }
}

function isFinding(of: ItemClass): of is FindingClass {
  return (findingClasses as readonly ItemClass[]).includes(of);
}

function findingOf(
  settings: ReconciliationSettings,
  day: string,
  item: Classified,
  brokenLines: number,
): NewFinding {
  const of = item.class as Exclude<FindingClass, "brokenLine">;
  const given = settings.on[of];
  // What is missing may stand in a line that could not be read.
  const held = of === "doneWithoutRemote" && brokenLines > 0;
  const action = held ? "report" : typeof given === "function" ? "custom" : given;
  return {
    day,
    class: of,
    key: item.key,
    details: { remote: item.all, local: item.local ?? null },
    action,
    actionState: action === "report" ? "none" : "pending",
    outcome:
      held && given !== "report"
        ? `held back: ${brokenLines} lines of the day's statement could not be read`
        : null,
  };
}

function brokenFinding(day: string, { line, problem }: BrokenLine): NewFinding {
  return {
    day,
    class: "brokenLine",
    key: `line ${line}`,
    details: { line, problem },
    action: "report",
    actionState: "none",
    outcome: null,
  };
}

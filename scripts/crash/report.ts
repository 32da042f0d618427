import type { GuaranteeLevel } from "@outrigger/ledger";
import type { DatabaseName } from "./databases/database.ts";
import { type FaultName, nameOf, type PointName } from "./matrix/cases.ts";
import { promisedIn } from "./matrix/promise.ts";
import { type WeaknessName, weaknessNames } from "./matrix/weaknesses.ts";
import type { Played } from "./play/scene.ts";

export interface CrashReport {
  readonly database: DatabaseName;
  readonly seed: number;
  /** Whether all of the share was played, and not only cases of some ids, or some of each phase. */
  readonly whole: boolean;
  readonly seconds: number;
  readonly cases: number;
  /** Cases in which the fault did not strike where it was to: they ended before, and were judged all the same. */
  readonly unmet: readonly string[];
  readonly violations: readonly Played[];
  readonly byFault: Readonly<Partial<Record<FaultName, number>>>;
  readonly byDefinition: Readonly<
    Record<string, { readonly promised: GuaranteeLevel; readonly cases: number }>
  >;
  /** Where a fault struck, and how often. */
  readonly struck: Readonly<Partial<Record<PointName, number>>>;
  readonly weaknesses: Readonly<
    Partial<
      Record<WeaknessName, { readonly cases: number; readonly caught: number; readonly example: string }>
    >
  >;
}

/** Every place that a run comes by in some case; one that is never met would be a hole in the evidence. */
const places: readonly PointName[] = [
  "intent.beforeCommit",
  "intent.afterCommit",
  "call.before",
  "call.sending",
  "call.after",
  "outcome.beforeCommit",
  "outcome.afterCommit",
  "failover.beforeCommit",
  "failover.afterCommit",
  "unknown.beforeCommit",
  "unknown.afterCommit",
  "resend.beforeCommit",
  "resend.afterCommit",
  "cancelIntent.beforeCommit",
  "cancelIntent.afterCommit",
  "manual.beforeCommit",
  "manual.afterCommit",
  "inquiry.before",
  "inquiry.after",
  "cancel.before",
  "cancel.after",
  "resolve.claimed",
];

type About = Pick<CrashReport, "database" | "seed" | "whole" | "seconds">;

export function reportOf(about: About, right: readonly Played[], weak: readonly Played[]): CrashReport {
  const byFault: Partial<Record<FaultName, number>> = {};
  const byDefinition: Record<string, { promised: GuaranteeLevel; cases: number }> = {};
  const struck: Partial<Record<PointName, number>> = {};
  for (const { of, met } of right) {
    byFault[of.fault] = (byFault[of.fault] ?? 0) + 1;
    const { cases: before = 0, promised = promisedIn(of) } = byDefinition[of.definition] ?? {};
    byDefinition[of.definition] = { promised, cases: before + 1 };
    if (!met) continue;
    for (const point of [of.point, of.recovery]) {
      if (point !== undefined) struck[nameOf(point)] = (struck[nameOf(point)] ?? 0) + 1;
    }
  }
  const weaknesses = Object.fromEntries(
    byWeakness(weak).map(([name, cases]) => {
      const caught = cases.filter(({ wrong }) => wrong.length > 0);
      const example = caught[0] === undefined ? "" : `${caught[0].id}: ${caught[0].wrong[0]}`;
      return [name, { cases: cases.length, caught: caught.length, example }];
    }),
  );
  return {
    ...about,
    cases: right.length,
    unmet: right.filter(({ met }) => !met).map(({ id }) => id),
    violations: right.filter(({ wrong }) => wrong.length > 0),
    byFault,
    byDefinition,
    struck,
    weaknesses,
  };
}

/** @returns the cases of every weaker variant that was not found out in any. */
export function missedOf(weak: readonly Played[]): readonly Played[] {
  return byWeakness(weak).flatMap(([, cases]) => (cases.some(({ wrong }) => wrong.length > 0) ? [] : cases));
}

function byWeakness(weak: readonly Played[]): readonly (readonly [WeaknessName, readonly Played[]])[] {
  return weaknessNames
    .map((name) => [name, weak.filter(({ of }) => of.weakness === name)] as const)
    .filter(([, cases]) => cases.length > 0);
}

/** @returns why the matrix is no evidence; empty when it is. */
export function failuresOf({ violations, weaknesses, struck, cases, whole }: CrashReport): readonly string[] {
  const failures: string[] = [];
  if (violations.length > 0) failures.push(`${violations.length} cases broke what was promised`);
  if (cases === 0) failures.push("no case has such an id");
  for (const [name, { caught }] of Object.entries(weaknesses)) {
    if (caught === 0) failures.push(`the weaker variant ${name} was not found out`);
  }
  if (!whole) return failures;
  for (const place of places) if (struck[place] === undefined) failures.push(`no fault struck at ${place}`);
  return failures;
}

const unmetShown = 10;

export function printReport(report: CrashReport): void {
  const { database, seed, seconds, cases, unmet, byFault, byDefinition, struck, weaknesses } = report;
  console.log(
    `${cases} cases on ${database} in ${seconds.toFixed(0)} s, seed ${seed}, Node ${process.version}`,
  );
  console.log(`in ${unmet.length} of them the operation had ended before the fault could strike`);
  for (const id of unmet.slice(0, unmetShown)) console.log(`  ${id}`);
  if (unmet.length > unmetShown) console.log("  ...");
  table(
    "what was promised",
    Object.entries(byDefinition).map(([name, { promised, cases: count }]) => [`${name}: ${promised}`, count]),
  );
  table("faults", Object.entries(byFault));
  table("where they struck", Object.entries(struck));
  console.log("weaker variants, which have to be caught");
  for (const [name, { cases: count, caught, example }] of Object.entries(weaknesses)) {
    console.log(`  ${caught > 0 ? "caught" : "MISSED"} ${name}: in ${caught} of ${count} cases; ${example}`);
  }
  const failures = failuresOf(report);
  for (const failure of failures) console.log(`FAILED ${database}: ${failure}`);
  if (failures.length === 0) console.log(`${database}: no promise was broken`);
}

function table(title: string, rows: readonly (readonly [string, number])[]): void {
  console.log(title);
  for (const [name, count] of rows) console.log(`  ${String(count).padStart(6)}  ${name}`);
}

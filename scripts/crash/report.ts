import type { PointName } from "./matrix/cases.ts";
import type { CrashReport } from "./run.ts";

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

/** @returns why the matrix is no evidence; empty when it is. */
export function failuresOf(report: CrashReport, { whole }: { readonly whole: boolean }): readonly string[] {
  const { violations, weaknesses, struck, cases } = report;
  const failures: string[] = [];
  if (violations.length > 0) failures.push(`${violations.length} cases broke what was promised`);
  if (cases === 0) failures.push("no case has such an id");
  if (!whole) return failures;
  for (const [name, { caught }] of Object.entries(weaknesses)) {
    if (caught === 0) failures.push(`the weaker variant ${name} was not found out`);
  }
  for (const place of places) if (struck[place] === undefined) failures.push(`no fault struck at ${place}`);
  return failures;
}

export function printReport(report: CrashReport): void {
  const { database, seed, seconds, cases, unmet, byFault, byDefinition, struck, weaknesses } = report;
  console.log(
    `${cases} cases on ${database} in ${seconds.toFixed(0)} s, seed ${seed}, Node ${process.version}; ` +
      `in ${unmet} the operation had ended before the fault could strike`,
  );
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
  const failures = failuresOf(report, { whole: Object.keys(weaknesses).length > 0 });
  for (const failure of failures) console.log(`FAILED ${failure}`);
  if (failures.length === 0) console.log("no promise was broken");
}

function table(title: string, rows: readonly (readonly [string, number])[]): void {
  console.log(title);
  for (const [name, count] of rows) console.log(`  ${String(count).padStart(6)}  ${name}`);
}

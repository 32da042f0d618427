import { writeFile } from "node:fs/promises";
import {
  type Finding,
  type Reconciliation,
  type ReconciliationReport,
  reportCsv,
  reportHtml,
} from "@outrigger/ledger";
import { type ExitCode, exitCodes, orInterrupted, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe, safeJson } from "../terminal/safe-text.ts";
import { table } from "../terminal/table.ts";
import type { Text } from "../text/en.ts";
import { day } from "./values.ts";

export interface ReconcileFlags extends SourceOptions {
  readonly from?: string;
  readonly to?: string;
  readonly report?: string;
  readonly json?: boolean;
}

interface Days {
  readonly from: string;
  readonly to: string;
}

export interface ReconcilePlan {
  /** Undefined for every day that is due. */
  readonly days: Days | undefined;
  readonly file: string | undefined;
}

const writers: Readonly<Record<string, (report: ReconciliationReport) => string>> = {
  html: reportHtml,
  csv: reportCsv,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
};

export function planReconcile(session: Session, flags: ReconcileFlags): ReconcilePlan {
  const { usage } = session.text;
  const wrong = (message: string): Stop => new Stop(exitCodes.usage, message);
  if (flags.report !== undefined && writers[endingOf(flags.report)] === undefined)
    throw wrong(usage.badReport);
  if (flags.from === undefined) {
    if (flags.to !== undefined) throw wrong(usage.toWithoutFrom);
    return { days: undefined, file: flags.report };
  }
  const from = day(session, "--from", flags.from);
  const to = day(session, "--to", flags.to ?? from);
  if (from > to) throw wrong(usage.fromAfterTo);
  return { days: { from, to }, file: flags.report };
}

export async function reconcile(
  session: Session,
  source: Source,
  name: string | undefined,
  plan: ReconcilePlan,
  { json = false }: ReconcileFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const chosen = choose(text, source, name);
  const done =
    plan.days === undefined ? await runDue(session, chosen) : await runDays(session, chosen, plan.days);
  const [from, to] = [done[0], done.at(-1)];
  if (from === undefined || to === undefined) {
    if (json) await terminal.out(safeJson({ name: chosen.name, days: [], needsPerson: 0, report: null }));
    terminal.say(terminal.signal.aborted ? text.failure.interrupted : text.reconcile.nothingDue);
    return terminal.signal.aborted ? exitCodes.interrupted : exitCodes.done;
  }
  const report = await chosen.reconciliation.report({ from, to });
  if (plan.file !== undefined) {
    await writeFile(plan.file, writers[endingOf(plan.file)]?.(report) ?? "");
    terminal.say(text.reconcile.written(safe(plan.file)));
  }
  const forPerson = report.findings.filter(needsPerson);
  if (json) {
    await terminal.out(safeJson({ name: chosen.name, days: done, needsPerson: forPerson.length, report }));
  } else {
    for (const line of linesOf(session, report, forPerson)) await terminal.out(line);
  }
  if (terminal.signal.aborted) {
    terminal.say(text.reconcile.stopped);
    return exitCodes.interrupted;
  }
  return forPerson.length > 0 || report.truncated ? exitCodes.problem : exitCodes.done;
}

interface Chosen {
  readonly name: string;
  readonly reconciliation: Reconciliation;
}

function choose({ usage }: Text, source: Source, name: string | undefined): Chosen {
  const all = source.reconciliations ?? {};
  const names = Object.keys(all);
  if (names.length === 0) throw new Stop(exitCodes.usage, usage.appNoReconciliations(source.where));
  const wanted = name ?? (names.length === 1 ? names[0] : undefined);
  if (wanted === undefined)
    throw new Stop(exitCodes.usage, usage.whichReconciliation(names.map(safe).join(", ")));
  const reconciliation = Object.hasOwn(all, wanted) ? all[wanted] : undefined;
  if (reconciliation !== undefined) return { name: wanted, reconciliation };
  throw new Stop(exitCodes.usage, usage.noReconciliation(safe(wanted), names.map(safe).join(", ")));
}

/** Every day that is due, in one go. Ctrl-C ends it where it is: the next run goes on after what is stored. */
async function runDue(
  { terminal, text }: Session,
  { name, reconciliation }: Chosen,
): Promise<readonly string[]> {
  terminal.say(text.reconcile.running(safe(name)));
  const run = orInterrupted(terminal.signal, text.failure.interrupted, reconciliation.run());
  const { days, findings } = await run;
  const [from, to] = [days[0], days.at(-1)];
  if (from !== undefined) terminal.say(text.reconcile.day(from === to ? from : `${from} – ${to}`, findings));
  return days;
}

/** Day by day, so that each can be told of, and Ctrl-C ends it after a whole one. */
async function runDays(
  { terminal, text }: Session,
  { reconciliation }: Chosen,
  { from, to }: Days,
): Promise<readonly string[]> {
  const done: string[] = [];
  for (let at = from; at <= to && !terminal.signal.aborted; at = dayAfter(at)) {
    const { findings } = await reconciliation.run({ from: at, to: at });
    terminal.say(text.reconcile.day(at, findings));
    done.push(at);
  }
  return done;
}

const dayMs = 86_400_000;

function dayAfter(at: string): string {
  return new Date(Date.parse(`${at}T00:00:00Z`) + dayMs).toISOString().slice(0, 10);
}

/** A disagreement that stands, and that nothing has been done about yet. */
function needsPerson({ cleared, actionState }: Finding): boolean {
  return !cleared && actionState !== "done";
}

/** Findings on a screen; the report has all of them. */
const findingsShown = 20;

function linesOf(
  { terminal, text }: Session,
  report: ReconciliationReport,
  forPerson: readonly Finding[],
): readonly string[] {
  const { head, sums, findingHead, noAction, person, truncated } = text.reconcile;
  const { columns, style } = terminal;
  const counts = Object.entries(report.counts).filter(([, count]) => count > 0);
  const classes = table(
    counts,
    [
      { head: head.class, cell: ([name]) => name },
      { head: head.count, cell: ([, count]) => String(count) },
    ],
    columns,
  );
  const money = table(
    report.currencies,
    [
      { head: sums.currency, cell: ({ currency }) => safe(currency === "" ? "–" : currency) },
      { head: sums.remote, cell: ({ remote }) => remote },
      { head: sums.local, cell: ({ local }) => local },
      { head: sums.difference, cell: ({ difference }) => difference },
    ],
    columns,
  );
  const rows = table(
    forPerson.slice(0, findingsShown),
    [
      { head: findingHead.day, cell: ({ day: of }) => of },
      { head: findingHead.class, cell: (finding) => finding.class },
      { head: findingHead.key, cell: ({ key }) => safe(key), shrinkTo: 12 },
      { head: findingHead.outcome, cell: ({ outcome }) => safe(outcome ?? noAction), shrinkTo: 10 },
    ],
    columns,
  );
  const verdict = person(forPerson.length);
  return [
    ...classes,
    ...(report.currencies.length === 0 ? [] : ["", ...money]),
    ...(forPerson.length === 0 ? [] : ["", ...rows]),
    "",
    forPerson.length === 0 ? style.good(verdict) : style.bad(verdict),
    ...(report.truncated ? [truncated] : []),
  ];
}

function endingOf(file: string): string {
  return file.slice(file.lastIndexOf(".") + 1).toLowerCase();
}

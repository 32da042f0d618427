import {
  type HistoryEntry,
  ledgerDefaults,
  type OperationRecord,
  personMoves,
  type Which,
} from "@outrigger/ledger";
import { type ExitCode, exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe, safeJson } from "../terminal/safe-text.ts";
import { table } from "../terminal/table.ts";
import type { Text } from "../text/en.ts";
import { paintOf } from "./list.ts";
import { redacted } from "./redact.ts";
import { clock, isLate, next, sinceMs, span } from "./when.ts";

export interface ShowFlags extends SourceOptions {
  readonly request?: boolean;
  readonly json?: boolean;
}

export async function show(
  session: Session,
  source: Source,
  which: Which,
  flags: ShowFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const found = await source.ledger.find(which, { request: flags.request === true });
  if (found === undefined) throw new Stop(exitCodes.problem, text.failure.notFound);
  const record = flags.request === true ? { ...found, request: redacted(found.request) } : found;
  const lines =
    flags.json === true
      ? [safeJson({ ...record, possible: personMoves(record) })]
      : storyOf(session, record, schemaFlag(source));
  for (const line of lines) await terminal.out(line);
  return exitCodes.done;
}

/** What a command needs to find it again, where that is not the usual place. */
function schemaFlag({ database, schema }: Source): string {
  return database === undefined || schema === ledgerDefaults.schema ? "" : ` --schema ${schema}`;
}

/** One operation as a person would tell it. */
function storyOf(session: Session, record: OperationRecord, schema: string): readonly string[] {
  const { terminal, text } = session;
  const { bold } = terminal.style;
  const section = (title: string, lines: readonly string[]): readonly string[] => [
    "",
    bold(title),
    ...lines.map((line) => `  ${line}`),
  ];
  return [
    ...headOf(session, record),
    ...section(text.show.happened, historyOf(session, record)),
    ...section(text.show.known, knownOf(text, record)),
    ...section(text.show.next, nextsOf(text, record)),
    ...section(text.show.possible, possibleOf(session, record, schema)),
    ...("request" in record
      ? section(text.show.request, JSON.stringify(record.request, null, 2).split("\n").map(safe))
      : []),
  ];
}

function headOf({ terminal, text }: Session, record: OperationRecord): readonly string[] {
  const { style } = terminal;
  const { facts, states } = text.show;
  const { state, attempt } = record;
  const ago = (iso: string): string => `${clock(iso)}, ${text.when.ago(span(text, sinceMs(record, iso)))}`;
  const sends = attempt === 0 ? facts.never : facts.sends(attempt === 1 ? facts.once : facts.times(attempt));
  const rows: readonly (readonly [string, string])[] = [
    [facts.id, record.id],
    [facts.provider, `${record.provider}, ${sends}`],
    [facts.created, ago(record.createdAt)],
    [facts.changed, ago(record.updatedAt)],
  ];
  return [
    style.bold(`${record.operation} ${record.key}`),
    `${paintOf(style, state)(state)}: ${states[state].name}`,
    "",
    ...table(rows, [column(0), column(1)], undefined).slice(1),
  ];
}

const column = (
  at: 0 | 1,
): { readonly head: string; readonly cell: (row: readonly [string, string]) => string } => ({
  head: "",
  cell: (row) => row[at],
});

function historyOf({ terminal, text }: Session, { history }: OperationRecord): readonly string[] {
  const { dim } = terminal.style;
  let day = "";
  return history.flatMap((entry) => {
    const [date = "", time = ""] = [entry.at.slice(0, 10), entry.at.slice(11, 23)];
    const heading = date === day ? [] : [dim(date)];
    day = date;
    const move =
      entry.from === null ? entry.to : entry.from === entry.to ? entry.to : `${entry.from} → ${entry.to}`;
    const quote = entry.evidence === null ? "" : `: “${safe(entry.evidence)}”`;
    const by = entry.by === null ? "" : `, ${text.show.by(safe(entry.by))}`;
    return [...heading, `${dim(time)}  ${move}`, `  ${because(text, entry)}${by}${quote}`];
  });
}

/** What a history says is a kind of evidence, with a code behind it, and a note that decided nothing. */
function because(text: Text, { why, from }: HistoryEntry): string {
  const words: Readonly<Record<string, string>> = text.show.why;
  const [, kind = why, code, noted] = /^(\w+)(?:: (.*?))?(, noted)?$/s.exec(why) ?? [];
  const sentence = words[`${kind} ${from}`] ?? words[kind] ?? safe(why);
  return `${sentence}${code === undefined ? "" : ` (${safe(code)})`}${noted === undefined ? "" : ` – ${words["noted"]}`}`;
}

function knownOf(text: Text, record: OperationRecord): readonly string[] {
  const { show } = text;
  const { state, failure, lastError, cancelRequested, personOnly } = record;
  return [
    show.states[state].known,
    ...(cancelRequested && state !== "CANCELLED" ? [show.cancelRequested] : []),
    ...(personOnly && state === "MANUAL" ? [show.personOnly] : []),
    ...(failure === null ? [] : [show.failure(safe(`${failure.code} ${failure.message}`))]),
    ...(lastError === null
      ? []
      : [
          show.lastError(
            clock(lastError.at),
            lastError.tries,
            safe(lastError.code === null ? lastError.message : `${lastError.code} ${lastError.message}`),
          ),
        ]),
  ];
}

function nextsOf(text: Text, record: OperationRecord): readonly string[] {
  const { nexts } = text.show;
  const { state } = record;
  if (state === "MANUAL") return [nexts.MANUAL];
  if (state === "DONE" || state === "FAILED" || state === "CANCELLED") return [nexts.settled];
  return [nexts[state](next(text, record)), ...(isLate(record) ? [nexts.late] : [])];
}

function possibleOf({ terminal, text }: Session, record: OperationRecord, schema: string): readonly string[] {
  const { commands, nothingPossible } = text.show;
  const moves = personMoves(record);
  if (moves.length === 0) return [nothingPossible];
  const line = (rest: string): string => `outrigger ledger ${rest}`;
  const reason = '--reason "..."';
  const rows = moves.flatMap((move): readonly (readonly [string, string])[] =>
    move === "resolve"
      ? [
          [line(`resolve ${record.id} --as committed ${reason} --app <module>`), commands.resolveCommitted],
          [line(`resolve ${record.id} --as abandoned ${reason} --app <module>`), commands.resolveAbandoned],
        ]
      : move === "cancel" && record.state === "DONE"
        ? [[line(`cancel ${record.id} ${reason} --app <module>`), commands.cancelDone]]
        : [[line(`${move} ${record.id} ${reason}${schema}`), commands[move]]],
  );
  const { dim } = terminal.style;
  return rows.flatMap(([command, meaning]) => [command, dim(`  ${meaning}`)]);
}

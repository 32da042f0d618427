import { type HistoryEntry, type OperationRecord, personMoves, type Which } from "@outrigger/ledger";
import { type ExitCode, exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe, safeJson } from "../terminal/safe-text.ts";
import type { Text } from "../text/en.ts";
import { paintOf } from "./list.ts";
import { redacted } from "./redact.ts";
import { commandLines, entries, facts, schemaFlag, section } from "./story.ts";
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

/** One operation as a person would tell it. */
function storyOf(session: Session, record: OperationRecord, schema: string): readonly string[] {
  const { text } = session;
  const { happened, known, next: nexts, possible, request } = text.show;
  return [
    ...headOf(session, record),
    ...section(
      session,
      happened,
      entries(session, record.history, (entry) => because(text, entry)),
    ),
    ...section(session, known, knownOf(text, record)),
    ...section(session, nexts, nextsOf(text, record)),
    ...section(session, possible, possibleOf(session, record, schema)),
    ...("request" in record
      ? section(session, request, JSON.stringify(record.request, null, 2).split("\n").map(safe))
      : []),
  ];
}

function headOf({ terminal, text }: Session, record: OperationRecord): readonly string[] {
  const { style } = terminal;
  const { facts: names, states } = text.show;
  const { state, attempt } = record;
  const ago = (iso: string): string => `${clock(iso)}, ${text.when.ago(span(text, sinceMs(record, iso)))}`;
  const sends = attempt === 0 ? names.never : names.sends(attempt === 1 ? names.once : names.times(attempt));
  return [
    style.bold(`${record.operation} ${record.key}`),
    `${paintOf(style, state)(state)}: ${states[state].name}`,
    "",
    ...facts([
      [names.id, record.id],
      [names.provider, `${record.provider}, ${sends}`],
      [names.created, ago(record.createdAt)],
      [names.changed, ago(record.updatedAt)],
    ]),
  ];
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

function possibleOf(session: Session, record: OperationRecord, schema: string): readonly string[] {
  const { commands, nothingPossible } = session.text.show;
  const { id, state } = record;
  const moves = personMoves(record);
  if (moves.length === 0) return [nothingPossible];
  const reason = '--reason "..."';
  const rows = moves.flatMap((move): readonly (readonly [string, string])[] =>
    move === "resolve"
      ? [
          [`resolve ${id} --as committed ${reason} --app <module>`, commands.resolveCommitted],
          [`resolve ${id} --as abandoned ${reason} --app <module>`, commands.resolveAbandoned],
        ]
      : move === "cancel" && state === "DONE"
        ? [[`cancel ${id} ${reason} --app <module>`, commands.cancelDone]]
        : [[`${move} ${id} ${reason}${schema}`, commands[move]]],
  );
  return commandLines(session, rows);
}

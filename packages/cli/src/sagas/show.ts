import type { SagaHistoryEntry, SagaRecord, SagaStepRecord, WhichSaga } from "@outrigger/ledger";
import { errorOf, paintOf } from "../commands/list.ts";
import { commandLines, entries, facts, schemaFlag, section } from "../commands/story.ts";
import { clock, isLate, next, sinceMs, span } from "../commands/when.ts";
import { type ExitCode, exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe, safeJson } from "../terminal/safe-text.ts";
import { table } from "../terminal/table.ts";
import type { Text } from "../text/en.ts";
import { paintSaga } from "./list.ts";
import { sagaMoves } from "./moves.ts";

export interface SagaShowFlags extends SourceOptions {
  readonly json?: boolean;
}

export async function showSaga(
  session: Session,
  source: Source,
  which: WhichSaga,
  { json = false }: SagaShowFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const record = await source.ledger.sagas.find(which);
  if (record === undefined) throw new Stop(exitCodes.problem, text.failure.noSuchSaga);
  const lines = json
    ? [safeJson({ ...record, possible: sagaMoves(record) })]
    : storyOf(session, record, schemaFlag(source));
  for (const line of lines) await terminal.out(line);
  return exitCodes.done;
}

/** One saga as a person would tell it. */
function storyOf(session: Session, record: SagaRecord, schema: string): readonly string[] {
  const { text } = session;
  const { happened, known, next: nexts, possible } = text.show;
  return [
    ...headOf(session, record),
    ...section(session, text.sagas.steps, stepsOf(session, record)),
    ...section(
      session,
      happened,
      entries(session, record.history, (entry) => because(text, entry)),
    ),
    ...section(session, known, knownOf(text, record)),
    ...section(session, nexts, nextsOf(text, record)),
    ...section(session, possible, possibleOf(session, record, schema)),
  ];
}

function headOf({ terminal, text }: Session, record: SagaRecord): readonly string[] {
  const { style } = terminal;
  const { facts: names } = text.show;
  const { id, saga, key, state, version } = record;
  const ago = (iso: string): string => `${clock(iso)}, ${text.when.ago(span(text, sinceMs(record, iso)))}`;
  return [
    style.bold(`${saga} ${key}`),
    `${paintSaga(style, state)(state)}: ${text.sagas.states[state].name}`,
    "",
    ...facts([
      [names.id, id],
      [text.sagas.version, String(version)],
      [names.created, ago(record.createdAt)],
      [text.sagas.progress, ago(record.progressAt)],
    ]),
  ];
}

function stepsOf({ terminal, text }: Session, { steps }: SagaRecord): readonly string[] {
  const { step: head, whats, deleted, noSteps } = text.sagas;
  if (steps.length === 0) return [noSteps];
  return table(
    steps,
    [
      { head: head.name, cell: ({ step }) => step },
      { head: head.what, cell: ({ what }) => whats[what] },
      {
        head: head.state,
        cell: ({ state }) => state ?? deleted,
        paint: (cell, { state }) =>
          (state === null ? terminal.style.bad : paintOf(terminal.style, state))(cell),
      },
      { head: head.operation, cell: ({ operation }) => operation },
      { head: head.key, cell: ({ key }) => key },
    ],
    undefined,
  );
}

function because(text: Text, { why }: SagaHistoryEntry): string {
  const { turnedBack, ...words } = text.sagas.why;
  const step = /^turned back at (.*)$/s.exec(why)?.[1];
  if (step !== undefined) return turnedBack(safe(step));
  const known: Readonly<Record<string, string>> = words;
  return known[why] ?? safe(why);
}

function knownOf(text: Text, record: SagaRecord): readonly string[] {
  const { sagas, show } = text;
  const { state, failure, lastError, cancelRequested, steps } = record;
  const said = failure === null ? "" : safe(`${failure.code} ${failure.message}`);
  return [
    sagas.states[state].known,
    ...(cancelRequested && state !== "COMPENSATED" ? [show.cancelRequested] : []),
    ...(failure === null
      ? []
      : [failure.step === undefined ? sagas.cancelled(said) : sagas.failure(safe(failure.step), said)]),
    ...steps.filter(isLost).map(({ step, operation, key }) => sagas.lost(`${step} (${operation} ${key})`)),
    ...(lastError === null ? [] : [sagas.lastError(clock(lastError.at), errorOf(record))]),
  ];
}

const isLost = ({ state }: SagaStepRecord): boolean => state === null;

function nextsOf(text: Text, record: SagaRecord): readonly string[] {
  const { nexts, version } = text.sagas;
  if (record.nextAt === null) return [text.show.nexts.settled];
  return [
    record.state === "MANUAL" ? nexts.MANUAL : nexts.open(next(text, record)),
    ...(isLate(record) ? [nexts.late(`${version} ${record.version}`)] : []),
  ];
}

function possibleOf(session: Session, record: SagaRecord, schema: string): readonly string[] {
  const { commands } = session.text.sagas;
  const moves = sagaMoves(record);
  if (moves.length === 0) return [session.text.show.nothingPossible];
  const stuck = record.steps.filter(({ state }) => state === "MANUAL");
  return commandLines(session, [
    ...stuck.map(({ id, step }) => [`show ${id}${schema}`, commands.step(step)] as const),
    ...moves.map((move) => [`sagas ${move} ${record.id} --reason "..."${schema}`, commands[move]] as const),
  ]);
}

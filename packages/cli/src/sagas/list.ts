import { listDefaults, openSagaStates, type SagaRecord, type SagaState, sagaStates } from "@outrigger/ledger";
import { errorOf, limitRange, wholePage } from "../commands/list.ts";
import { showPages } from "../commands/pages.ts";
import { idAt, states, wholeNumber } from "../commands/values.ts";
import { next, shortSpan, sinceMs } from "../commands/when.ts";
import { type ExitCode, exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Paint, Style } from "../terminal/terminal.ts";

export interface SagaListFlags extends SourceOptions {
  readonly state?: readonly string[];
  readonly saga?: string;
  readonly wantsPerson?: boolean;
  readonly limit?: string;
  readonly after?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export interface SagaListing {
  readonly states: readonly SagaState[];
  readonly saga: string | undefined;
  readonly limit: number;
  readonly after: string | undefined;
}

export function sagaListing(session: Session, flags: SagaListFlags): SagaListing {
  const { state, saga, after, all, wantsPerson = false } = flags;
  const limit = wholeNumber(session, "--limit", flags.limit ?? String(listDefaults.limit), limitRange);
  const asked = state === undefined ? openSagaStates : states(session, state, sagaStates);
  if (wantsPerson && !asked.includes("MANUAL")) {
    throw new Stop(exitCodes.usage, session.text.usage.personIsManual);
  }
  return {
    states: wantsPerson ? ["MANUAL"] : asked,
    saga,
    limit: all === true && flags.limit === undefined ? wholePage : limit,
    after: after === undefined ? undefined : idAt(session, after),
  };
}

export async function listSagas(
  session: Session,
  { ledger }: Source,
  { states: asked, saga, limit, after: start }: SagaListing,
  flags: SagaListFlags,
): Promise<ExitCode> {
  const { none, noneSuch } = session.text.sagas;
  return await showPages(
    session,
    {
      read: async (after) => {
        // One more than is shown, so that the end is known to be the end.
        const found = await ledger.sagas.list({
          states: asked,
          limit: limit + 1,
          ...(saga !== undefined && { saga }),
          ...(after !== undefined && { after }),
        });
        // A list has no histories.
        const rows = found.slice(0, limit).map(({ history: _, ...rest }) => rest);
        return { rows, next: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
      },
      lines: (rows) => linesOf(session, rows),
      none: flags.state === undefined && saga === undefined ? none : noneSuch,
    },
    flags,
    start,
  );
}

type Listed = Omit<SagaRecord, "history">;

function linesOf({ terminal, text }: Session, rows: readonly Listed[]): readonly string[] {
  const { head } = text.sagas;
  const { style } = terminal;
  const columns: readonly Column<Listed>[] = [
    {
      head: head.state,
      cell: ({ state }) => state,
      paint: (cell, { state }) => paintSaga(style, state)(cell),
    },
    { head: head.saga, cell: ({ saga }) => saga, shrinkTo: 10 },
    { head: head.version, cell: ({ version }) => String(version), optional: 3 },
    { head: head.key, cell: ({ key }) => key, shrinkTo: 12 },
    { head: head.age, cell: (row) => shortSpan(text, sinceMs(row, row.createdAt)) },
    { head: head.still, cell: (row) => shortSpan(text, sinceMs(row, row.progressAt)), optional: 2 },
    { head: head.next, cell: (row) => next(text, row) },
    { head: head.at, cell: placeOf, shrinkTo: 10 },
    { head: head.error, cell: errorOf, optional: 1, shrinkTo: 16 },
    { head: text.list.head.id, cell: ({ id }) => id, optional: 4 },
  ];
  return table(rows, columns, terminal.columns);
}

/** The steps that have not ended, those that need a person first. */
function placeOf({ steps, nextAt }: Listed): string {
  if (nextAt === null) return "";
  const open = steps.filter(({ state }) => state !== "DONE" && state !== "FAILED" && state !== "CANCELLED");
  const stuck = open.filter(({ state }) => state === "MANUAL" || state === null);
  return [...new Set((stuck.length > 0 ? stuck : open).map(({ step }) => step))].join(", ");
}

export function paintSaga(style: Style, state: SagaState): Paint {
  if (state === "MANUAL") return style.bad;
  if (state === "COMPENSATING") return style.warn;
  return state === "DONE" ? style.good : (text) => text;
}

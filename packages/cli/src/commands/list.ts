import {
  type ListOptions,
  listDefaults,
  type OperationState,
  type OperationSummary,
  openStates,
  operationStates,
  type SagaRecord,
} from "@outrigger/ledger";
import { type ExitCode, exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe } from "../terminal/safe-text.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Paint, Style } from "../terminal/terminal.ts";
import { showPages } from "./pages.ts";
import { duration, idAt, states, wholeNumber } from "./values.ts";
import { next, shortSpan, sinceMs } from "./when.ts";

export interface ListFlags extends SourceOptions {
  readonly state?: readonly string[];
  readonly operation?: string;
  readonly olderThan?: string;
  readonly wantsPerson?: boolean;
  readonly limit?: string;
  readonly after?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export const limitRange = { min: 1, max: 1_000 };
/** Of `--all`: a page is held in memory. */
export const wholePage = 500;

export function listOptions(session: Session, flags: ListFlags): ListOptions {
  const limit = wholeNumber(session, "--limit", flags.limit ?? String(listDefaults.limit), limitRange);
  const asked = flags.state === undefined ? openStates : states(session, flags.state, operationStates);
  if (flags.wantsPerson === true && !asked.includes("MANUAL")) {
    throw new Stop(exitCodes.usage, session.text.usage.personIsManual);
  }
  return {
    states: asked,
    operation: flags.operation,
    olderThan:
      flags.olderThan === undefined ? undefined : duration(session, "--older-than", flags.olderThan).text,
    wantsPerson: flags.wantsPerson,
    limit: flags.all === true && flags.limit === undefined ? wholePage : limit,
    after: flags.after === undefined ? undefined : idAt(session, flags.after),
  };
}

export async function list(
  session: Session,
  source: Source,
  options: ListOptions,
  flags: ListFlags,
): Promise<ExitCode> {
  const { none, noneSuch } = session.text.list;
  return await showPages(
    session,
    {
      read: async (after) => {
        const { operations, next: on } = await source.ledger.list({ ...options, after });
        return { rows: operations, next: on };
      },
      lines: (rows) => rowsOf(session, rows),
      none: flags.state === undefined && flags.operation === undefined ? none : noneSuch,
    },
    flags,
    options.after,
  );
}

function rowsOf({ terminal, text }: Session, operations: readonly OperationSummary[]): readonly string[] {
  const { head } = text.list;
  const { style } = terminal;
  const columns: readonly Column<OperationSummary>[] = [
    { head: head.state, cell: ({ state }) => state, paint: (cell, { state }) => paintOf(style, state)(cell) },
    { head: head.operation, cell: ({ operation }) => operation, shrinkTo: 10 },
    { head: head.key, cell: ({ key }) => key, shrinkTo: 12 },
    { head: head.age, cell: (row) => shortSpan(text, sinceMs(row, row.createdAt)) },
    { head: head.next, cell: (row) => next(text, row) },
    { head: head.provider, cell: ({ provider }) => provider, optional: 2, shrinkTo: 8 },
    { head: head.sends, cell: ({ attempt }) => String(attempt), optional: 3 },
    { head: head.error, cell: errorOf, optional: 1, shrinkTo: 16 },
    { head: head.id, cell: ({ id }) => id, optional: 4 },
  ];
  return table(operations, columns, terminal.columns);
}

/** The last thing that went wrong, on one line. */
export function errorOf({ lastError }: Pick<SagaRecord, "lastError">): string {
  if (lastError === null) return "";
  return safe(lastError.code === null ? lastError.message : `${lastError.code} ${lastError.message}`);
}

export function paintOf(style: Style, state: OperationState): Paint {
  if (state === "MANUAL") return style.bad;
  if (state === "UNKNOWN" || state === "CANCELLING") return style.warn;
  return state === "DONE" ? style.good : (text) => text;
}

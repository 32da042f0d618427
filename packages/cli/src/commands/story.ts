import { ledgerDefaults } from "@outrigger/ledger";
import type { Session } from "../session.ts";
import type { Source } from "../source/source.ts";
import { safe } from "../terminal/safe-text.ts";
import { table } from "../terminal/table.ts";

/* What the stories of operations and of sagas have in common. */

export function section({ terminal }: Session, title: string, lines: readonly string[]): readonly string[] {
  return ["", terminal.style.bold(title), ...lines.map((line) => `  ${line}`)];
}

type Pair = readonly [string, string];

/** Names of facts, with the facts behind them. */
export function facts(rows: readonly Pair[]): readonly string[] {
  return table(rows, [column(0), column(1)], undefined).slice(1);
}

const column = (at: 0 | 1): { readonly head: string; readonly cell: (row: Pair) => string } => ({
  head: "",
  cell: (row) => row[at],
});

/** What a history has of one moment. */
export interface Entry {
  readonly at: string;
  readonly from: string | null;
  readonly to: string;
  readonly evidence: string | null;
  readonly by: string | null;
}

/** A history under its days, with the reason of each entry in words. */
export function entries<E extends Entry>(
  { terminal, text }: Session,
  history: readonly E[],
  because: (entry: E) => string,
): readonly string[] {
  const { dim } = terminal.style;
  let day = "";
  return history.flatMap((entry) => {
    const [date = "", time = ""] = [entry.at.slice(0, 10), entry.at.slice(11, 23)];
    const heading = date === day ? [] : [dim(date)];
    day = date;
    const move = entry.from === null || entry.from === entry.to ? entry.to : `${entry.from} → ${entry.to}`;
    const quote = entry.evidence === null ? "" : `: “${safe(entry.evidence)}”`;
    const by = entry.by === null ? "" : `, ${text.show.by(safe(entry.by))}`;
    return [...heading, `${dim(time)}  ${move}`, `  ${because(entry)}${by}${quote}`];
  });
}

/** Commands, each with its meaning below. */
export function commandLines({ terminal }: Session, rows: readonly Pair[]): readonly string[] {
  return rows.flatMap(([command, meaning]) => [
    `outrigger ledger ${command}`,
    terminal.style.dim(`  ${meaning}`),
  ]);
}

/** What a command needs to find it again, where that is not the usual place. */
export function schemaFlag({ database, schema }: Source): string {
  return database === undefined || schema === ledgerDefaults.schema ? "" : ` --schema ${schema}`;
}

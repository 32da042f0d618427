import { type ExitCode, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import { safeJson } from "../terminal/safe-text.ts";

export interface PageFlags {
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Rows of a list, and after which id they go on; null at the end. */
interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

export interface Pages<Row> {
  readonly read: (after: string | undefined) => Promise<Page<Row>>;
  /** Its lines on a screen, with a head. */
  readonly lines: (rows: readonly Row[]) => readonly string[];
  /** What is said where there is nothing. */
  readonly none: string;
}

/** One page, which says how to go on; with --all every page, under one head. */
export async function showPages<Row extends object>(
  { terminal, text }: Session,
  { read, lines, none }: Pages<Row>,
  { all = false, json = false }: PageFlags,
  after: string | undefined,
): Promise<ExitCode> {
  let page = await read(after);
  if (page.rows.length === 0 && !json) terminal.say(none);
  for (let first = true; ; first = false) {
    const shown = json ? page.rows.map(safeJson) : lines(page.rows).slice(first ? 0 : 1);
    if (page.rows.length > 0) for (const line of shown) await terminal.out(line);
    if (page.next === null) return exitCodes.done;
    if (!all) {
      terminal.say(text.list.more(page.next));
      return exitCodes.done;
    }
    page = await read(page.next);
  }
}

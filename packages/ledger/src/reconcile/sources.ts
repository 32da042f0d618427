import { assertKnownKeys, functionAt } from "@outrigger/core";
import { messageOf } from "../run/describe.ts";
import type { BrokenLine, RemoteItem, RemoteRow } from "./rows.ts";
import { type StatementFormat, type StatementLine, statementLines } from "./statement-lines.ts";

/**
 * A settlement file as rows: `row` says what a line means, and gives undefined for one that is no effect (a head, a
 * sum). What cannot be read, and what `row` throws, is reported with the line's number; the rest goes on.
 */
export async function* statementFile(
  bytes: AsyncIterable<Uint8Array | string>,
  format: StatementFormat,
  row: (fields: StatementLine["fields"], line: number) => RemoteRow | undefined,
): AsyncGenerator<readonly RemoteItem[]> {
  functionAt("row", row);
  for await (const lines of statementLines(bytes, format)) {
    yield lines.flatMap((each) =>
      "problem" in each ? [each] : rowOrProblem(each.line, () => row(each.fields, each.line)),
    );
  }
}

/** One page of a list API. */
export interface Page<T> {
  readonly items: readonly T[];
  /** What to ask for next; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * A list API as rows, page by page. An item that `row` throws for is reported with its number.
 *
 * @throws Error when the provider gives the same page's name twice in a row, which would go on for ever.
 */
export async function* listPages<T>(
  page: (after: string | undefined) => Promise<Page<T>>,
  row: (item: T) => RemoteRow | undefined,
): AsyncGenerator<readonly RemoteItem[]> {
  functionAt("page", page);
  functionAt("row", row);
  let after: string | undefined;
  let number = 0;
  for (;;) {
    const answer = await page(after);
    assertKnownKeys("page", answer, ["items", "next"]);
    yield answer.items.flatMap((item) => {
      number += 1;
      return rowOrProblem(number, () => row(item));
    });
    if (answer.next === undefined) return;
    if (answer.next === after) {
      throw new Error(`the list gave the page ${JSON.stringify(after)} as the one after itself`);
    }
    after = answer.next;
  }
}

function rowOrProblem(line: number, make: () => RemoteRow | undefined): (RemoteRow | BrokenLine)[] {
  try {
    const made = make();
    // Kept with its place, so that what is wrong with the row itself can be told with it too.
    return made === undefined ? [] : [placed(made, line)];
  } catch (error) {
    return [{ line, problem: messageOf(error) }];
  }
}

const places = new WeakMap<object, number>();

function placed(row: RemoteRow, line: number): RemoteRow {
  if (typeof row === "object" && row !== null) places.set(row, line);
  return row;
}

/** The line or item that a row was made of. */
export function placeOf(row: RemoteRow): number | undefined {
  return typeof row === "object" && row !== null ? places.get(row) : undefined;
}

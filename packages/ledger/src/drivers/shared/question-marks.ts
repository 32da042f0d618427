/** One statement with its values in the order in which the text names them. */
interface Marked {
  readonly sql: string;
  /** For each `?`, the index of its value. */
  readonly order: readonly number[];
}

/** More texts than the ledger has, however many lists they are written for. */
const keptAtMost = 2_000;
const kept = new Map<string, Marked>();

/**
 * The same statement for drivers whose values are named by `?`, one after the other, and not by `$1`, `$2`, which may
 * stand anywhere and more than once.
 */
export function withQuestionMarks(
  text: string,
  values: readonly unknown[],
): { readonly sql: string; readonly values: unknown[] } {
  let marked = kept.get(text);
  if (marked === undefined) {
    if (kept.size >= keptAtMost) kept.clear();
    marked = markedOf(text);
    kept.set(text, marked);
  }
  return { sql: marked.sql, values: marked.order.map((index) => values[index]) };
}

function markedOf(text: string): Marked {
  const order: number[] = [];
  const sql = text.replaceAll(/\$(\d+)/g, (_, number: string) => {
    order.push(Number(number) - 1);
    return "?";
  });
  return { sql, order };
}

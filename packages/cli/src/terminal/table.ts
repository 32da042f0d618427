import { fitted, padded, widthOf } from "./width.ts";

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Columns that are left out first where the terminal is narrow have the highest number; 0 always stays. */
  readonly optional?: number;
  /** What may be cut, down to this many columns. Without it nothing is. */
  readonly shrinkTo?: number;
  readonly paint?: (text: string, row: Row) => string;
}

const gap = "  ";

/**
 * Lines of a table, its head first.
 *
 * @param columns - What the terminal is wide; undefined where nobody looks, and nothing is cut.
 */
export function table<Row>(
  rows: readonly Row[],
  all: readonly Column<Row>[],
  columns: number | undefined,
): readonly string[] {
  const cells = new Map(all.map((column) => [column, rows.map(column.cell)]));
  const natural = (column: Column<Row>): number =>
    Math.max(widthOf(column.head), ...(cells.get(column) ?? []).map(widthOf));
  const shown = columns === undefined ? all : whatFits(all, natural, columns);
  const widths = shown.map(natural);
  if (columns !== undefined) shrink(shown, widths, columns);
  const line = (texts: readonly string[], paint?: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const last = index === texts.length - 1;
        const cut = columns === undefined ? text : fitted(text, width);
        const whole = last ? cut : padded(cut, width);
        return paint === undefined ? whole : paint(whole, index);
      })
      .join(gap)
      .trimEnd();
  return [
    line(shown.map(({ head }) => head)),
    ...rows.map((row, at) =>
      line(
        shown.map((column) => cells.get(column)?.[at] ?? ""),
        (text, index) => shown[index]?.paint?.(text, row) ?? text,
      ),
    ),
  ];
}

function whatFits<Row>(
  all: readonly Column<Row>[],
  natural: (column: Column<Row>) => number,
  columns: number,
): readonly Column<Row>[] {
  let shown = all;
  const least = (column: Column<Row>): number =>
    Math.min(natural(column), Math.max(column.shrinkTo ?? Number.POSITIVE_INFINITY, widthOf(column.head)));
  for (;;) {
    const width = shown.map(least).reduce((a, b) => a + b, gap.length * (shown.length - 1));
    const droppable = shown.filter(({ optional = 0 }) => optional > 0);
    if (width <= columns || droppable.length === 0) return shown;
    const first = Math.max(...droppable.map(({ optional = 0 }) => optional));
    shown = shown.filter(({ optional = 0 }) => optional !== first);
  }
}

/** Takes from the widest that may be cut, until it fits or nothing may be cut any more. */
function shrink<Row>(shown: readonly Column<Row>[], widths: number[], columns: number): void {
  const total = (): number => widths.reduce((a, b) => a + b, gap.length * (widths.length - 1));
  while (total() > columns) {
    let widest = -1;
    for (const [index, { shrinkTo }] of shown.entries()) {
      const width = widths[index] ?? 0;
      if (shrinkTo === undefined || width <= shrinkTo) continue;
      if (widest === -1 || width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

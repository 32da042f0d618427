import { expect, test } from "vitest";
import { safe, safeJson } from "./safe-text.ts";
import { type Column, table } from "./table.ts";
import { fitted, padded, widthOf } from "./width.ts";

test("a width is counted in columns: Korean has two, a combining mark none", () => {
  expect([widthOf("abc"), widthOf("결제"), widthOf("e\u0301"), widthOf("😀"), widthOf("")]).toEqual([
    3, 4, 1, 2, 0,
  ]);
  expect(fitted("결제가 취소됨", 7)).toBe("결제가…");
  expect(fitted("order-17", 8)).toBe("order-17");
  expect(fitted("order-17", 7)).toBe("order-…");
  expect(padded("결제", 6)).toBe("결제  ");
});

test("text of others stays on its line, and has no power over the terminal", () => {
  expect(safe("a\u001b[2Jb\nc\u009bd\u202ee\u2028f")).toBe("a\\u001b[2Jb\\nc\\u009bd\\u202ee\\u2028f");
  expect(safe("짝 없는 \ud800 글자")).toBe("짝 없는 \ufffd 글자");
  expect(safeJson({ a: "\u001b\u009b\u2028\n" })).toBe('{"a":"\\u001b\\u009b\\u2028\\n"}');
  expect(JSON.parse(safeJson({ a: "\u009b" }))).toEqual({ a: "\u009b" });
});

interface Row {
  readonly key: string;
  readonly error: string;
}
const columns: readonly Column<Row>[] = [
  { head: "KEY", cell: ({ key }) => key, shrinkTo: 4 },
  { head: "ERROR", cell: ({ error }) => error, optional: 1, shrinkTo: 6 },
  { head: "ID", cell: () => "0123456789", optional: 2 },
];
const rows: readonly Row[] = [
  { key: "order-1", error: "no answer" },
  { key: "o", error: "" },
];

test("nothing is cut where nobody looks", () => {
  expect(table(rows, columns, undefined)).toEqual([
    "KEY      ERROR      ID",
    "order-1  no answer  0123456789",
    "o                   0123456789",
  ]);
});

test.each([
  [30, ["KEY      ERROR      ID", "order-1  no answer  0123456789", "o                   0123456789"]],
  [29, ["KEY      ERROR     ID", "order-1  no answ…  0123456789", "o                  0123456789"]],
  [23, ["KEY      ERROR", "order-1  no answer", "o"]],
  [12, ["KEY   ERROR", "ord…  no an…", "o"]],
  [11, ["KEY", "order-1", "o"]],
  [3, ["KEY", "ord…", "o"]],
])("in %i columns what matters least goes first, and the rest is cut as far as it may be", (width, lines) => {
  expect(table(rows, columns, width)).toEqual(lines);
});

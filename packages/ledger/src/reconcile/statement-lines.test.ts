import fc from "fast-check";
import { expect, test } from "vitest";
import type { RemoteItem } from "./rows.ts";
import { listPages, statementFile } from "./sources.ts";
import { type StatementFormat, statementLines } from "./statement-lines.ts";

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Uint8Array, format: StatementFormat, size = 7) {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  const all = [];
  for await (const batch of statementLines(chunks(bytes, size), format)) all.push(...batch);
  return all;
}

test("CSV is read as RFC 4180 says, with a byte order mark, either line end, and in pieces of any size", async () => {
  const text = '\uFEFFid,amount,note\r\n1,"1,000.50","he said ""no"""\r\n\n2,7,é€\n3,8,';
  for (const size of [1, 2, 3, 1_000]) {
    expect(await read(text, { type: "csv" }, size)).toEqual([
      { line: 2, fields: { id: "1", amount: "1,000.50", note: 'he said "no"' } },
      { line: 4, fields: { id: "2", amount: "7", note: "é€" } },
      { line: 5, fields: { id: "3", amount: "8", note: "" } },
    ]);
  }
});

test("whatever fields are written as CSV come back", async () => {
  const field = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed() && !/[\r\n]/.test(text));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1 }), async (rows) => {
      const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
      const text = rows.map((row) => row.map(quoted).join(";")).join("\n");
      const lines = await read(text, { type: "csv", delimiter: ";", columns: ["a", "b"] }, 11);
      expect(lines).toEqual(rows.map(([a, b], index) => ({ line: index + 1, fields: { a, b } })));
    }),
    { numRuns: 50 },
  );
});

test("a broken line is told with its number and what is wrong, and the next one is read", async () => {
  const text = 'a,b\n1,2\n1,"2\n1,2,3\n1,"2"x\n1,x"y"\n3,4\n';
  expect(await read(text, { type: "csv" })).toEqual([
    { line: 2, fields: { a: "1", b: "2" } },
    { line: 3, problem: "a quote is not closed on the line" },
    { line: 4, problem: "it has 3 fields where there are 2 columns" },
    { line: 5, problem: "something follows a closing quote" },
    { line: 6, problem: "a quote stands in the middle of a field" },
    { line: 7, fields: { a: "3", b: "4" } },
  ]);
  const bytes = Buffer.concat([Buffer.from("a\n1\n"), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from("2\n")]);
  expect(await read(bytes, { type: "csv" })).toEqual([
    { line: 2, fields: { a: "1" } },
    { line: 3, problem: "it is not utf-8" },
    { line: 4, fields: { a: "2" } },
  ]);
});

test("a line without an end is not kept, and is told as too long", async () => {
  const text = `a\n${"x".repeat(3_000_000)}\n2\n`;
  expect(await read(text, { type: "csv" }, 65_536)).toEqual([
    { line: 2, problem: "it is longer than 1048576 bytes" },
    { line: 3, fields: { a: "2" } },
  ]);
});

test("columns of fixed width are counted in bytes, in EUC-KR too", async () => {
  const korean = new Uint8Array([0xb0, 0xa1, 0xb3, 0xaa]); // 가나
  const bytes = Buffer.concat([Buffer.from("0001"), korean, Buffer.from("  000150\r\nshort\n")]);
  const columns = { id: [0, 4], name: [4, 6], amount: [10, 6] } as const;
  expect(await read(bytes, { type: "fixedWidth", encoding: "euc-kr", columns })).toEqual([
    { line: 1, fields: { id: "0001", name: "가나", amount: "000150" } },
    { line: 2, problem: "it has 5 bytes where the columns need 16" },
  ]);
});

test("a number in JSON that would lose digits stays as it was written", async () => {
  const text = '{"a":12345678901234567890,"b":1.10,"c":7}\n[1]\n{"a":\n{"a":1}\n';
  expect(await read(text, { type: "jsonLines" })).toMatchObject([
    { line: 1, fields: { a: "12345678901234567890", b: "1.10", c: 7 } },
    { line: 2, problem: "it is JSON, but no object" },
    { line: 3, problem: expect.stringContaining("JSON") },
    { line: 4, fields: { a: 1 } },
  ]);
});

test("a head that names a column twice makes the file unreadable", async () => {
  await expect(read("a,b,a\n1,2,3\n", { type: "csv" })).rejects.toThrow('line 1: the column "a" comes twice');
  await expect(read("", { type: "xml" } as never)).rejects.toThrow("format.type");
  await expect(read("", { type: "csv", delimiter: ";;" })).rejects.toThrow("format.delimiter");
  await expect(read("", { type: "csv", encoding: "utf-16le" })).rejects.toThrow("UTF-16");
  await expect(read("", { type: "csv", encoding: "klingon" })).rejects.toThrow("klingon");
});

test("what a line means is the user's, and what that throws is told with the line", async () => {
  const items: RemoteItem[] = [];
  const rows = statementFile(
    chunks(Buffer.from("H\nD1\nD2\nT\n"), 3),
    { type: "csv", columns: ["all"] },
    ({ all }) => {
      const text = String(all);
      if (!text.startsWith("D")) return undefined;
      if (text === "D1") throw new RangeError("no amount");
      return { key: text, id: text, atMs: 0, status: "succeeded", amount: 1 };
    },
  );
  for await (const batch of rows) items.push(...batch);
  expect(items).toMatchObject([{ line: 2, problem: "no amount" }, { key: "D2" }]);
});

test("a list that names the same page for ever is ended", async () => {
  const pages = listPages(
    async () => ({ items: [], next: "p" }),
    () => undefined,
  );
  const drain = async (): Promise<void> => {
    for await (const _ of pages);
  };
  await expect(drain()).rejects.toThrow('the page "p" as the one after itself');
});

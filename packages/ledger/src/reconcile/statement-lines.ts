import { assertKnownKeys, assertObject, integerIn, oneOf, show } from "@outrigger/core";
import { messageOf } from "../run/describe.ts";
import type { BrokenLine } from "./rows.ts";

/** Columns by name, each with where it begins (from 0) and how long it is, in bytes. */
export type FixedColumns = Readonly<Record<string, readonly [fromByte: number, lengthBytes: number]>>;

interface Common {
  /** As `TextDecoder` names it; not UTF-16. @defaultValue "utf-8" */
  readonly encoding?: string;
}

export type StatementFormat =
  | ({
      readonly type: "csv";
      /** @defaultValue "," */
      readonly delimiter?: string;
      /** The columns' names, where the first line does not give them. */
      readonly columns?: readonly string[];
    } & Common)
  | ({ readonly type: "fixedWidth"; readonly columns: FixedColumns } & Common)
  | ({ readonly type: "jsonLines" } & Common);

/** A line of the file by column. Of JSON a number that loses digits is its text. */
export interface StatementLine {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** No settlement file has a longer line; without a bound a file without line ends would fill the memory. */
const longestLineBytes = 1024 * 1024;

/**
 * Reads a file line by line. What cannot be read is told with its number, and the next line is read all the same.
 *
 * @throws TypeError or RangeError for a format that is none; RangeError for a CSV file whose head names a column twice.
 */
export async function* statementLines(
  bytes: AsyncIterable<Uint8Array | string>,
  format: StatementFormat,
): AsyncGenerator<readonly (StatementLine | BrokenLine)[]> {
  const reader = readerOf(format);
  const decode = decoderOf(format);
  let number = 0;
  let dataSeen = false;
  for await (const lines of linesOf(bytes)) {
    const batch: (StatementLine | BrokenLine)[] = [];
    for (const given of lines) {
      number += 1;
      const line = number === 1 ? withoutMark(given) : given;
      if (line === undefined) {
        batch.push({ line: number, problem: `it is longer than ${longestLineBytes} bytes` });
      } else if (line.length > 0) {
        try {
          const fields = reader(line, decode, !dataSeen);
          if (fields !== undefined) batch.push({ line: number, fields });
        } catch (error) {
          if (error instanceof HeadError) throw new RangeError(`line ${number}: ${error.message}`);
          batch.push({ line: number, problem: messageOf(error) });
        }
        dataSeen = true;
      }
    }
    if (batch.length > 0) yield batch;
  }
}

type Decode = (bytes: Uint8Array) => string;
/** @returns undefined for a line without data. */
type Reader = (line: Uint8Array, decode: Decode, first: boolean) => StatementLine["fields"] | undefined;

class HeadError extends Error {}

function decoderOf({ encoding = "utf-8" }: StatementFormat): Decode {
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new RangeError(`format.encoding must be one that TextDecoder knows; got ${show(encoding)}`);
  }
  if (decoder.encoding.startsWith("utf-16")) {
    throw new RangeError(
      "format.encoding must not be UTF-16, whose lines do not end in one byte: convert the file",
    );
  }
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Error(`it is not ${decoder.encoding}`);
    }
  };
}

function readerOf(format: StatementFormat): Reader {
  assertObject("format", format);
  oneOf("format.type", format.type, ["csv", "fixedWidth", "jsonLines"]);
  const own =
    format.type === "csv" ? ["delimiter", "columns"] : format.type === "fixedWidth" ? ["columns"] : [];
  assertKnownKeys("format", format, ["type", "encoding", ...own]);
  if (format.type === "csv") return csvReader(format.delimiter ?? ",", format.columns);
  return format.type === "fixedWidth" ? fixedReader(format.columns) : jsonFields;
}

function csvReader(delimiter: string, given: readonly string[] | undefined): Reader {
  if (typeof delimiter !== "string" || delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new RangeError(
      `format.delimiter must be one character, not a quote or a line end; got ${show(delimiter)}`,
    );
  }
  let columns = given;
  if (columns !== undefined) assertDistinct(columns);
  return (line, decode, first) => {
    const text = decode(line);
    if (columns === undefined && first) {
      const head = csvFields(text, delimiter).map((name) => name.trim());
      assertDistinct(head);
      columns = head;
      return undefined;
    }
    const values = csvFields(text, delimiter);
    const names = columns ?? [];
    if (values.length !== names.length) {
      throw new Error(`it has ${values.length} fields where there are ${names.length} columns`);
    }
    return Object.fromEntries(names.map((name, index) => [name, values[index]]));
  };
}

function assertDistinct(columns: readonly string[]): void {
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (columns.length === 0) throw new HeadError("the file's head names no column");
  if (twice !== undefined) throw new HeadError(`the column ${show(twice)} comes twice`);
}

/** One record. Source: RFC 4180, section 2; a line break in quotes is a line that is not closed. */
function csvFields(text: string, delimiter: string): string[] {
  if (!text.includes('"')) return text.split(delimiter);
  const fields: string[] = [];
  for (let at = 0; ; ) {
    let field: string;
    if (text[at] === '"') {
      let value = "";
      for (at += 1; ; ) {
        const quote = text.indexOf('"', at);
        if (quote === -1) throw new Error("a quote is not closed on the line");
        value += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        value += '"';
        at += 1;
      }
      if (at < text.length && text[at] !== delimiter) throw new Error("something follows a closing quote");
      field = value;
    } else {
      const end = text.indexOf(delimiter, at);
      field = text.slice(at, end === -1 ? text.length : end);
      if (field.includes('"')) throw new Error("a quote stands in the middle of a field");
      at = end === -1 ? text.length : end;
    }
    fields.push(field);
    if (at >= text.length) return fields;
    at += 1;
  }
}

function fixedReader(columns: FixedColumns): Reader {
  assertObject("format.columns", columns);
  const parts = Object.entries(columns as FixedColumns);
  for (const [name, [from, length]] of parts) {
    integerIn(`format.columns.${name}[0]`, from, 0);
    integerIn(`format.columns.${name}[1]`, length, 1);
  }
  const total = Math.max(...parts.map(([, [from, length]]) => from + length));
  return (line, decode) => {
    if (line.length < total) throw new Error(`it has ${line.length} bytes where the columns need ${total}`);
    return Object.fromEntries(
      parts.map(([name, [from, length]]) => [name, decode(line.subarray(from, from + length)).trim()]),
    );
  };
}

const jsonFields: Reader = (line, decode) => {
  const value: unknown = parseExactly(decode(line));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("it is JSON, but no object");
  }
  return value as StatementLine["fields"];
};

/** A number that would come back changed is kept as its text. */
function parseExactly(text: string): unknown {
  // Only long numbers and fractions can change, and looking at each value makes parsing several times slower.
  if (!/\d{16}|\d\.\d/.test(text)) return JSON.parse(text);
  return JSON.parse(text, ((_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return context?.source ?? value;
  }) as (key: string, value: unknown) => unknown);
}

/** Lines without their ends; undefined for one that is too long. */
async function* linesOf(
  bytes: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<readonly (Uint8Array | undefined)[]> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const given of bytes) {
    const chunk = typeof given === "string" ? Buffer.from(given) : given;
    const lines: (Uint8Array | undefined)[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      const piece = chunk.subarray(from, end);
      lines.push(joined(rest, restBytes, piece));
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      restBytes += chunk.length - from;
      // What is too long is counted, not kept.
      if (restBytes > longestLineBytes) rest = [];
      else rest.push(chunk.slice(from));
    }
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) yield [joined(rest, restBytes, new Uint8Array())];
}

const newline = 0x0a;
const carriageReturn = 0x0d;

function joined(rest: readonly Uint8Array[], restBytes: number, piece: Uint8Array): Uint8Array | undefined {
  if (restBytes + piece.length > longestLineBytes) return undefined;
  const line = restBytes === 0 ? piece : Buffer.concat([...rest, piece]);
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

/** Spreadsheets put a byte order mark before the first column's name. */
function withoutMark(line: Uint8Array | undefined): Uint8Array | undefined {
  return line?.[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? line.subarray(3) : line;
}

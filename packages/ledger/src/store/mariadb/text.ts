import type { SqlQuery } from "../sql-port.ts";

/*
 * Pieces of the statements for MariaDB and MySQL. What both understand is used, and nothing else.
 *
 * All times are the database's, in UTC whatever the session's time zone is. Numbers and times leave as text or doubles,
 * and free text as bytes, so that what the user has told the driver, or a session's character set, changes nothing.
 */

/** Constant within a statement. */
export const now = "utc_timestamp(6)";

export const iso = (column: string): string => `date_format(${column}, '%Y-%m-%dT%H:%i:%s.%fZ')`;
export const msSince = (column: string): string => `timestampdiff(microsecond, ${column}, ${now}) / 1000e0`;
export const inMs = (value: string): string =>
  `${now} + interval cast(round(${value} * 1000) as signed) microsecond`;
export const msAgo = (value: string): string =>
  `${now} - interval cast(round(${value} * 1000) as signed) microsecond`;
export const yesNo = (condition: string): string => `case when ${condition} then 'yes' else 'no' end`;
/** As UTF-8, whatever character set the session gets its results in. */
export const bytes = (column: string): string => `cast(${column} as binary)`;
export const quoted = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(", ");
/** Numbers of values, from this one on: `$3, $4`. */
export const numbered = (count: number, from: number): string =>
  Array.from({ length: count }, (_, index) => `$${from + index}`).join(", ");

/** Types of columns, in tables and in lists. Keys are compared byte by byte. */
export const types = {
  id: "char(36) character set ascii collate ascii_bin",
  /** States, fingerprints, names of columns: ours, and short. */
  word: "varchar(64) character set ascii collate ascii_bin",
  key: "varchar(255) character set utf8mb4 collate utf8mb4_bin",
  text: "longtext character set utf8mb4 collate utf8mb4_bin",
  instant: "datetime(6)",
  number: "bigint",
  ms: "double",
  yes: "tinyint",
} as const;

/** The value with this number, a list of objects in JSON, as a table `m`. What an object lacks is null. */
export function listed(value: string, columns: Readonly<Record<string, keyof typeof types>>): string {
  const each = Object.entries(columns).map(([name, type]) => `\`${name}\` ${types[type]} path '$.${name}'`);
  return `json_table(${value}, '$[*]' columns (${each.join(", ")})) as m`;
}

/**
 * The rows of `table` with the ids in that list, in its order, each by its key: no other row is read, and locks are taken
 * in the same order by everybody.
 */
export function byId(
  table: string,
  columns: Readonly<Record<string, keyof typeof types>> = {},
  alias = "o",
): string {
  const list = listed("$1", { id: "id", ...columns });
  return `${list} straight_join ${table} as ${alias} force index (primary) on ${alias}.id = m.id`;
}

/** JSON in ASCII, which every character set of a session leaves as it is. Null and undefined are left out. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => each ?? undefined).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The list that a statement gets as its first value. */
export function parsed<Row>(values: readonly unknown[]): readonly Row[] {
  return JSON.parse(String(values[0])) as readonly Row[];
}

export const idsOf = (rows: readonly { readonly [name: string]: unknown }[]): readonly { id: string }[] =>
  rows.map((row) => ({ id: String(row["id"]) }));

/** A list that may be empty, for `in`. */
export async function rowsIf<Row>(
  query: SqlQuery,
  text: string,
  rows: readonly Row[],
): Promise<Awaited<ReturnType<SqlQuery>>> {
  return rows.length === 0 ? [] : await query(text, [json(rows)]);
}

import type { StatementFunction } from "../dialect.ts";
import type { SqlQuery } from "../sql-port.ts";

/*
 * Pieces of the statements for MariaDB and MySQL. What both understand is used, and nothing else.
 *
 * All times are the database's, in UTC whatever the session's time zone is. Numbers and times leave as text or doubles, so
 * that what the user has told the driver of other types changes nothing.
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
  /** What people have named: here spaces at the end count, which every collation that both servers know leaves out. */
  name: "varbinary(1020)",
  text: "longtext character set utf8mb4 collate utf8mb4_bin",
  instant: "datetime(6)",
  number: "bigint",
  ms: "double",
  yes: "tinyint",
} as const;

export const tableOptions =
  "engine = InnoDB default character set utf8mb4 collate utf8mb4_bin row_format = dynamic";

/** The value with this number, a list of objects in JSON, as a table `m`. What an object lacks is null. */
export function listed(value: string, columns: Readonly<Record<string, keyof typeof types>>): string {
  const each = Object.entries(columns).map(([name, type]) => `\`${name}\` ${types[type]} path '$.${name}'`);
  return `json_table(${value}, '$[*]' columns (${each.join(", ")})) as m`;
}

/**
 * The rows of `table` with the ids in that list, in its order, each by its key: no other row is read, and locks are taken
 * in the same order by everybody.
 */
export function byId(table: string, columns: Readonly<Record<string, keyof typeof types>> = {}): string {
  const list = listed("$1", { id: "id", ...columns });
  return `${list} straight_join ${table} as o force index (primary) on o.id = m.id`;
}

/** The entries `e` of a history, of the rows with the ids in the list `$1`. */
export function entriesOf(table: string, column: string, index: string): string {
  return `${listed("$1", { id: "id" })} straight_join ${table} as e force index (${index}) on e.${column} = m.id`;
}

/** What is null is left out: servers differ in what a JSON null becomes. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => each ?? undefined);
}

export const idsOf = (rows: readonly { readonly [name: string]: unknown }[]): readonly { id: string }[] =>
  rows.map((row) => ({ id: String(row["id"]) }));

/** Nothing is sent for nothing. */
export async function rowsIf<Row>(
  query: SqlQuery,
  text: string,
  rows: readonly Row[],
): Promise<Awaited<ReturnType<SqlQuery>>> {
  return rows.length === 0 ? [] : await query(text, [json(rows)]);
}

/**
 * Statements that change a row only while it is as it was seen, which the first one finds out, and makes certain by its
 * lock. All get the same values; the rows are the last one's, and none where the first has found none.
 */
export function whileHeld(lock: string, ...then: readonly string[]): StatementFunction {
  return async (query, values) => {
    let rows = await query(`${lock} for update`, values);
    if (rows.length === 0) return [];
    for (const text of then) rows = await query(text, values);
    return rows;
  };
}

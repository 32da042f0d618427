export type Fields = Readonly<Record<string, unknown>>;

/** Of a procedure for many records. */
export interface Parameter {
  /** Of the records. */
  readonly field: string;
  readonly name: string;
  readonly type: string;
  /** A list of each record's own, and not what all of them have in common. */
  readonly each?: true;
}

/** Records that are alike; there is at least one. */
type Group = [Fields, ...Fields[]];

/** More than there are kinds of outcomes in most batches; whoever is like none of the last ones begins another. */
const comparedWith = 4;

/**
 * The values of a procedure's calls, one for each group of records that are alike in all that is not each one's own: in a
 * batch that is nearly everything, and what is sent for each record costs the database as much as writing it.
 *
 * Within a group they keep their order. Two batches with rows in common could wait for each other where their kinds
 * alternate; a row is in one worker's hands, and PostgreSQL ends one of two that wait, which then are written one by one.
 */
export function inGroups(
  records: readonly Fields[],
  parameters: readonly Parameter[],
): readonly (readonly unknown[])[] {
  const shared = parameters.filter(({ each }) => each !== true).map(({ field }) => field);
  const groups: Group[] = [];
  for (const record of records) {
    const group = groups.slice(-comparedWith).find(([first]) => alike(first, record, shared));
    if (group === undefined) groups.push([record]);
    else group.push(record);
  }
  return groups.map((alikes) =>
    parameters.map(({ field, each }) =>
      each === true ? listOf(alikes.map((record) => record[field])) : sentOf(alikes[0][field]),
    ),
  );
}

function alike(one: Fields, other: Fields, fields: readonly string[]): boolean {
  return fields.every((field) => same(one[field], other[field]));
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return (
    Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, at) => same(each, b[at]))
  );
}

function sentOf(value: unknown): unknown {
  return Array.isArray(value) ? listOf(value) : (value ?? null);
}

/** As PostgreSQL writes a list: every driver has its own way to send one, and all of them send text as it is. */
function listOf(values: readonly unknown[]): string | null {
  return values.every((value) => value === undefined) ? null : `{${values.map(elementOf).join(",")}}`;
}

const quotes = /["\\]/g;

function elementOf(value: unknown): string {
  if (value === undefined || value === null) return "NULL";
  if (typeof value !== "string") return String(value);
  return `"${value.includes('"') || value.includes("\\") ? value.replace(quotes, "\\$&") : value}"`;
}

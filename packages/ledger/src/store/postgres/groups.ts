type Fields = Record<string, unknown>;

interface Group {
  readonly common: Fields;
  readonly names: readonly string[];
  readonly rows: Fields[];
}

/** More than there are kinds of outcomes in most batches; whoever is like none of the last ones begins another. */
const comparedWith = 4;

/**
 * Records as a list in JSON of what several of them have in common, each with its `rows`: the fields that are each one's
 * own. In a batch almost everything is the same, and each name of a field costs the database as much as its value. What is
 * false is left out.
 */
export function inGroups(records: readonly object[], own: readonly string[]): string {
  const groups: Group[] = [];
  for (const record of records as readonly Fields[]) {
    const names = Object.keys(record).filter((name) => said(record[name]) && !own.includes(name));
    const group = groups.slice(-comparedWith).find((each) => alike(each, record, names));
    if (group === undefined) groups.push({ common: record, names, rows: [only(record, own)] });
    else group.rows.push(only(record, own));
  }
  return JSON.stringify(groups.map(({ common, names, rows }) => ({ ...only(common, names), rows })));
}

const said = (value: unknown): boolean => value !== undefined && value !== false;

function alike({ common, names }: Group, record: Fields, others: readonly string[]): boolean {
  return names.length === others.length && others.every((name) => same(common[name], record[name]));
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return (
    Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, at) => each === b[at])
  );
}

function only(record: Fields, names: readonly string[]): Fields {
  const chosen: Fields = {};
  for (const name of names) chosen[name] = record[name];
  return chosen;
}

import { expect, test } from "vitest";
import { sqlMutants, withMutant } from "./sql-mutants.ts";

const mutated = (source: string, writesOnly = false): readonly string[] =>
  sqlMutants(source, writesOnly).map((mutant) => withMutant(source, mutant));

test("each part of a condition is dropped, and turned around", () => {
  const source = "const a = `update t set x = 1 where id = $1 and (y or z) = $2\\n returning x`;";
  expect(mutated(source)).toEqual([
    "const a = `update t set x = 1 where true and (y or z) = $2\\n returning x`;",
    "const a = `update t set x = 1 where not (id = $1) and (y or z) = $2\\n returning x`;",
    "const a = `update t set x = 1 where id = $1 and true\\n returning x`;",
    "const a = `update t set x = 1 where id = $1 and not ((y or z) = $2)\\n returning x`;",
  ]);
});

test("what is put into the text stays whole, and comments and other strings are left alone", () => {
  const source = [
    "// where a = 1",
    "/* `where` */ const b = 'where c = 1';",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "const d = `delete from ${t('where x')} where -- and so on",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "  s in (${list.map((s) => `'${s}'`)})`;",
  ].join("\n");
  expect(sqlMutants(source, true).map(({ was, line }) => [was, line])).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    ["s in (${list.map((s) => `'${s}'`)})", 4],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    ["s in (${list.map((s) => `'${s}'`)})", 4],
  ]);
});

test("locks, fences, leases and conflicts have mutants of their own, and what only reads has none where it is not wanted", () => {
  const source = [
    "const claim = `update t set fence = fence + 1, due = statement_timestamp() + $1 from (select id from t",
    "  order by due limit $2 for update skip locked) as d`;",
    "const insert = `insert into t (a) select 1 on conflict (a) do nothing`;",
    "const read = `select a from t where b = 1`;",
  ].join("\n");
  expect(
    sqlMutants(source, true)
      .map(({ rule }) => rule)
      .sort(),
  ).toEqual([
    "a conflict is an error",
    "a lease is over when it begins",
    "a locked row is waited for",
    "in any order",
    "nothing is locked",
    "what counts stays",
    "without a limit",
  ]);
});

test("counts, times that are kept and what was known have mutants too, however a database words them", () => {
  const source = [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "const a = `update t set attempt = attempt + (${to} = 'SENDING'), result = coalesce(${result}, result),",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "  unknown_since = coalesce(unknown_since, ${now}), tries = 0`;",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "const b = `(${now} + cast(round(${value}) as integer))`;",
  ].join("\n");
  expect(sqlMutants(source, false).map(({ becomes }) => becomes)).toEqual([
    "attempt",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "${result}",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "${now}",
    "tries = tries",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    "${now} - ",
  ]);
});

test("a name in backticks stays whole", () => {
  expect(mutated("const a = `update t set x = 1 where \\`key\\` = $1`;")).toEqual([
    "const a = `update t set x = 1 where true`;",
    "const a = `update t set x = 1 where not (\\`key\\` = $1)`;",
  ]);
});

test("what is done about a conflict is no part of the condition before it", () => {
  const source = "const a = `insert into t (a) select 1 where b on duplicate key update a = 1`;";
  expect(mutated(source)).toEqual([
    "const a = `insert into t (a) select 1 where true on duplicate key update a = 1`;",
    "const a = `insert into t (a) select 1 where not (b) on duplicate key update a = 1`;",
  ]);
});

import { existsSync, globSync, readFileSync } from "node:fs";
import * as core from "@outrigger/core";
import * as http from "@outrigger/http";
import * as ledger from "@outrigger/ledger";
import * as guard from "@outrigger/ledger/guard";
import { expect, test } from "vitest";

// A page's code is a part of a file in docs/examples that the type checker and the suite run:
//   <!-- example: file#region -->  above a fence  =  // #region region ... // #endregion  in file.ts
const pages = globSync("**/*.md", { cwd: root(), exclude: (path) => /node_modules|dist/.test(path) });

interface Example {
  readonly page: string;
  readonly name: string;
  readonly code: string;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(page, root()), "utf8");
  const found = text.matchAll(/<!-- example: (\S+) -->\n```ts\n([\s\S]*?)```/g);
  return [...found].map(([, name = "", code = ""]) => ({ page, name, code }));
}

function region(name: string): string {
  const [file, label] = name.split("#");
  const source = readFileSync(new URL(`docs/examples/${file}.ts`, root()), "utf8");
  const start = source.indexOf(`// #region ${label}\n`);
  const end = source.indexOf("// #endregion", start);
  if (start === -1 || end === -1) throw new Error(`docs/examples/${file}.ts has no region "${label}"`);
  // Regions stand inside functions; a page shows them without that indentation.
  const lines = source
    .slice(source.indexOf("\n", start) + 1, end)
    .trimEnd()
    .split("\n");
  const indent = /^ */.exec(lines[0] ?? "")?.[0].length ?? 0;
  return lines
    .map((line) => line.slice(indent))
    .join("\n")
    .trim();
}

function root(): URL {
  return new URL("../", import.meta.url);
}

test.each(pages.flatMap(examplesOf))("$page shows $name as it runs", ({ name, code }) => {
  expect(code.trim()).toBe(region(name));
});

test("every TypeScript fence of a page is such an example", () => {
  for (const page of pages) {
    const fences = readFileSync(new URL(page, root()), "utf8").match(/^```ts$/gm)?.length ?? 0;
    expect([page, examplesOf(page).length]).toEqual([page, fences]);
  }
});

// A table of options names exactly the options of an interface, and shows the values of an exported constant:
//   <!-- options: RetryOptions -->      rows = the interface's keys (those of every policy, name and onEvent, apart)
//   <!-- defaults: retryDefaults -->    default cells = the constant's values; a nested key is written a.b
//   <!-- defaults: httpDefaults.pool --> a part of a constant; `some defaults` where the table leaves values out
// Either line may be left out. An option without a default says "required" or "none".
interface OptionsTable {
  readonly page: string;
  readonly options: string | undefined;
  readonly defaults: string | undefined;
  /** Whether the table may leave values out. */
  readonly some: boolean;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

function optionsTablesOf(page: string): OptionsTable[] {
  const text = readFileSync(new URL(page, root()), "utf8");
  const found = text.matchAll(/((?:<!-- (?:options|(?:some )?defaults): .* -->\n)+)\s*((?:\|.*\n)+)/g);
  return [...found].map(([, marks = "", table = ""]) => ({
    page,
    options: /<!-- options: (\w+) -->/.exec(marks)?.[1],
    defaults: /defaults: ([\w.]+) -->/.exec(marks)?.[1],
    some: marks.includes("<!-- some defaults"),
    rows: rowsOf(table).map(([name = "", value = ""]) => [name.replaceAll("`", ""), value] as const),
  }));
}

/** The cells of a table's rows, without its header. */
function rowsOf(table: string): string[][] {
  const lines = table.trimEnd().split("\n").slice(2);
  return lines
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((row) => row.map((cell) => cell.trim()));
}

const sources = globSync("packages/{core,http,ledger}/src/**/*.ts", { cwd: root() }).map((path) =>
  readFileSync(new URL(path, root()), "utf8"),
);

/** Options of an interface, and whether each is required. */
function keysOf(name: string): Map<string, boolean> {
  const shape = new RegExp(`export interface ${name}(?: extends (\\w+))? \\{\\n([\\s\\S]*?)\\n\\}`);
  const [, parent, body = ""] = sources.map((source) => shape.exec(source)).find((match) => match) ?? [];
  if (body === "") throw new Error(`no package has an interface ${name}`);
  const inherited = parent === undefined || parent === "PolicyOptions" ? [] : keysOf(parent);
  const own = [...body.matchAll(/^ {2}readonly (\w+)(\??):/gm)];
  return new Map([...inherited, ...own.map(([, key = "", mark]) => [key, mark === ""] as const)]);
}

/** The constant's values as a page writes them, nested keys joined by a dot. */
function valuesOf(value: unknown, path = ""): [string, string][] {
  if (value === Math.random) return [[path, "`Math.random`"]];
  if (typeof value !== "object" || value === null) return [[path, `\`${JSON.stringify(value)}\``]];
  if ("describe" in value && typeof value.describe === "function") return [[path, value.describe()]];
  return Object.entries(value).flatMap(([key, each]) => valuesOf(each, path === "" ? key : `${path}.${key}`));
}

const optionsTables = pages.flatMap(optionsTablesOf);
const exported: unknown = { ...core, ...http, ...ledger, ...guard };

function defaultsOf({ defaults }: OptionsTable): Map<string, string> {
  if (defaults === undefined) return new Map();
  const value = defaults
    .split(".")
    .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], exported);
  if (value === undefined) throw new Error(`no package exports ${defaults}`);
  return new Map(valuesOf(value));
}

test("every mark of such a table stands above one", () => {
  for (const page of pages) {
    const text = readFileSync(new URL(page, root()), "utf8");
    const marks = text.match(/^<!-- (?:options|(?:some )?defaults): /gm)?.length ?? 0;
    const tables = optionsTables.filter((table) => table.page === page);
    const used = tables.flatMap(({ options, defaults }) => [options, defaults]).filter((mark) => mark);
    expect([page, used.length]).toEqual([page, marks]);
  }
});

test.each(optionsTables.filter(({ defaults }) => defaults !== undefined))(
  "$page shows $defaults as they are",
  (table) => {
    const values = defaultsOf(table);
    const shown = table.rows.filter(([name]) => values.has(name));
    expect(shown).not.toEqual([]);
    const all = [...values].filter(([name]) => !table.some || shown.some(([each]) => each === name));
    expect(shown.toSorted()).toEqual(all.toSorted());
  },
);

test.each(optionsTables.filter(({ options }) => options !== undefined))(
  "$page names every one of $options and no other",
  (table) => {
    const values = defaultsOf(table);
    const keys = keysOf(table.options ?? "");
    const own = table.rows.filter(([name]) => keys.has(name) || !values.has(name));
    expect(own.map(([name]) => name).toSorted()).toEqual([...keys.keys()].toSorted());
    const without = own.filter(([name]) => !values.has(name));
    expect(without).toEqual(without.map(([name]) => [name, keys.get(name) ? "required" : "none"]));
  },
);

function firstCells(page: string, header: string): [page: string, cell: string][] {
  const text = readFileSync(new URL(page, root()), "utf8");
  const tables = text.matchAll(new RegExp(`^\\| ${header} \\|.*\\n(?:\\|.*\\n)+`, "gm"));
  const cells = [...tables].flatMap(([table]) => rowsOf(table).map(([cell = ""]) => cell));
  return cells.map((cell) => [page, cell.replaceAll("`", "")]);
}

test("every failure code and event in a table exists", () => {
  const policies = pages.filter((page) => page.startsWith("docs/policies/"));
  const codes = new Set<string>(Object.values(core.coreFailureCodes));
  const strangers = policies
    .flatMap((page) => firstCells(page, "code"))
    .filter(([, code]) => !codes.has(code));
  const events = new Set(
    [...sources.join("").matchAll(/^ {2}readonly type: "(\w+)";/gm)].map(([, type]) => type),
  );
  const unheard = policies
    .flatMap((page) => firstCells(page, "event"))
    .filter(([, type]) => !events.has(type));
  expect([...strangers, ...unheard]).toEqual([]);
});

test("every link of a page to another file leads somewhere", () => {
  const links = pages.flatMap((page) => {
    const text = readFileSync(new URL(page, root()), "utf8");
    return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) => ({ page, to }));
  });
  const dead = links.filter(({ page, to }) => !existsSync(new URL(to, new URL(page, root()))));
  expect([dead, links.length > 20]).toEqual([[], true]);
});

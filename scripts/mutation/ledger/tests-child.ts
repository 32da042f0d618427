// Runs tests of the ledger in a process of its own, with some of its sources replaced: see lane.ts, which starts it.
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Statement, StatementForMany, Statements } from "../../../packages/ledger/src/store/dialect.ts";
import type { SqlQuery } from "../../../packages/ledger/src/store/sql-port.ts";
import * as suite from "../suite.ts";
import { type DatabaseName, functionsOfPostgres } from "./targets.ts";

export interface Job {
  readonly database: DatabaseName;
  /** Source by file. */
  readonly replaced: Readonly<Record<string, string>>;
  /** In this order; of a file without `ids` every test. */
  readonly files: readonly { readonly file: string; readonly tests?: readonly TestToRun[] }[];
  /** Where one of these is in a text that is sent, the test has come by it. */
  readonly tags: readonly string[];
}

interface TestToRun {
  readonly id: string;
  readonly limitMs: number;
}

/** What became of a test. */
export interface Ran {
  readonly id: string;
  readonly file: string;
  /** What is wrong, if it is. */
  readonly wrong?: string | undefined;
  readonly endless?: boolean;
  readonly spentMs: number;
  readonly tags: readonly string[];
}

/** How long a test may take of which nothing is known yet. */
const longestMs = 60_000;

const seen = new Set<string>();
/** The names of functions in the database, with the tags of their texts. */
const functions = new Map<string, readonly string[]>();

// Whoever started it has gone.
process.once("disconnect", () => process.exit(1));
process.once("message", (job) => {
  run(job as Job).then(
    () => process.send?.("end"),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function run({ database, replaced, files, tags }: Job): Promise<void> {
  replaceSources(replaced);
  if (tags.length > 0) await watchStatements(database, tags);
  await choose(database);
  for (const { file, tests } of files) {
    const failed = await load(file);
    if (failed !== undefined) report({ id: `${file} begins`, file, wrong: failed, spentMs: 0 });
    const own = suite.collected().filter((test) => test.file === file);
    const chosen =
      tests?.map(({ id, limitMs }) => ({ test: own.find((each) => each.id === id), limitMs })) ??
      own.map((test) => ({ test, limitMs: longestMs }));
    for (const { test, limitMs } of chosen) {
      if (test === undefined) throw new Error("the tests have changed meanwhile");
      if (tests !== undefined) suite.boundPolls(limitMs);
      const startedAtMs = performance.now();
      const wrong = await suite.runTest(test, limitMs);
      const spentMs = performance.now() - startedAtMs;
      if (wrong !== "skipped") {
        report({ id: test.id, file, wrong, spentMs, endless: wrong === suite.withoutEnd });
      }
    }
    if (tests === undefined) await suite.runAll(file, "afterAll");
  }
}

function report(ran: Omit<Ran, "tags">): void {
  process.send?.({ ...ran, tags: [...seen] });
  seen.clear();
}

async function load(file: string): Promise<string | undefined> {
  try {
    suite.collect(file);
    await import(pathToFileURL(resolve(file)).href);
    await suite.runAll(file, "beforeAll");
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function replaceSources(replaced: Job["replaced"]): void {
  const suiteUrl = new URL("../suite.ts", import.meta.url).href;
  const sources = new Map(
    Object.entries(replaced).map(([file, source]) => [pathToFileURL(resolve(file)).href, source]),
  );
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "vitest" ? { url: suiteUrl, shortCircuit: true } : next(specifier, context),
    load(url, context, next) {
      const source = sources.get(url);
      return source === undefined
        ? next(url, context)
        : { format: "module-typescript", source, shortCircuit: true };
    },
  });
}

/** As `on-sqlite.test.ts` and `on-mariadb.test.ts` do. */
async function choose(database: DatabaseName): Promise<void> {
  if (database === "postgres") return;
  const support = new URL("../../../packages/ledger/test/support/", import.meta.url);
  const { useDatabase } = (await import(new URL("shop.ts", support).href)) as {
    useDatabase: (open: unknown) => void;
  };
  const opens = (await import(new URL(`databases/${database}.ts`, support).href)) as Record<string, unknown>;
  useDatabase(opens[database]);
}

/** Notes which texts are sent, those inside of the database's functions included. */
async function watchStatements(database: DatabaseName, tags: readonly string[]): Promise<void> {
  const store = new URL("../../../packages/ledger/src/store/", import.meta.url);
  const { dialects } = (await import(new URL("dialects.ts", store).href)) as {
    dialects: Record<DatabaseName, { statements: (schema: string) => Statements }>;
  };
  const found = (text: string): readonly string[] => tags.filter((tag) => text.includes(tag));
  if (database === "postgres") {
    for (const version of functionsOfPostgres) {
      const made = (await import(new URL(`postgres/functions-${version}.ts`, store).href)) as Record<
        string,
        (schema: string) => readonly string[]
      >;
      for (const text of made[`functions${version}`]?.("") ?? []) {
        functions.set(/create (?:function|procedure) (\S+)/.exec(text)?.[1] ?? "", found(text));
      }
    }
  }
  const note = (text: string): void => {
    for (const tag of found(text)) seen.add(tag);
    for (const [name, own] of functions) if (text.includes(name)) for (const tag of own) seen.add(tag);
  };
  const dialect = dialects[database];
  const { statements } = dialect;
  dialect.statements = (schema) =>
    new Proxy(statements(schema), {
      get: (all, name) => watchedAny(Reflect.get(all, name) as Statements[keyof Statements], note),
    });
}

type Note = (text: string) => void;

function watchedAny(
  given: Statement | StatementForMany | undefined,
  note: Note,
): Statement | StatementForMany | undefined {
  if (given === undefined) return undefined;
  return typeof given === "object" && "statement" in given
    ? { ...given, statement: watched(given.statement, note) }
    : watched(given, note);
}

function watched(statement: Statement, note: Note): Statement {
  if (typeof statement === "function") {
    return (query, values) => {
      const noting: SqlQuery = (text, given) => {
        note(text);
        return query(text, given);
      };
      return statement(noting, values);
    };
  }
  for (const text of [statement].flat()) note(text);
  return statement;
}

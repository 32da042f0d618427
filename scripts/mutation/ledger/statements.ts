import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { copyOfTree } from "../../tree/copy-of-tree.ts";
import { type SqlMutant, sqlMutants, withMutant } from "./sql-mutants.ts";

/** A mutant of a statement, and what became of it. */
export interface StatementMutant extends SqlMutant {
  readonly file: string;
  /** The whole line, for an explanation. */
  readonly text: string;
  readonly noticedBy: "the statements' own tests" | "the ledger's tests" | undefined;
}

interface Target {
  readonly file: string;
  readonly writesOnly: boolean;
}

const folder = "packages/ledger/src/store/postgres";
const targets: readonly Target[] = [
  { file: `${folder}/functions.ts`, writesOnly: false },
  { file: `${folder}/statements.ts`, writesOnly: true },
];
/** What each statement promises by itself: quick, and where nearly every mutant is noticed. */
const first = ["packages/ledger/test/statements.test.ts"];
/** What only shows when all work together. */
const then = [
  ...["retention", "cancel", "operator", "late", "list", "workers", "fair-slots", "resend", "policies"],
  ...["checkout", "together", "enqueue", "wake-up", "snapshot", "diagnosis", "alarms", "lost-commit"],
].map((name) => `packages/ledger/test/${name}.test.ts`);

/** A test that does not end is one that notices. */
const longestMs = 600_000;

export interface StatementOptions {
  /** Only the statements' own tests. */
  readonly quick: boolean;
  readonly lanes: number;
  readonly onProgress: (done: number, of: number, mutant: StatementMutant) => void;
}

/** Runs the tests against every mutant of the statements, in copies of the tree. */
export async function mutateStatements(options: StatementOptions): Promise<readonly StatementMutant[]> {
  const server = await databaseForTests();
  const trees = Array.from({ length: options.lanes }, () => copyOfTree(resolve("."), "mutation"));
  try {
    const mutants = targets.flatMap(({ file, writesOnly }) => {
      const source = readFileSync(file, "utf8");
      return sqlMutants(source, writesOnly).map((mutant) => ({ file, source, mutant }));
    });
    const tree = trees[0] ?? ".";
    if (!(await passes(tree, server, options.quick ? first : [...first, ...then]))) {
      throw new Error("without any mutant, the ledger's tests fail");
    }
    const left = [...mutants];
    const done: StatementMutant[] = [];
    await Promise.all(
      trees.map(async (own) => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const { file, source, mutant } = next;
          writeFileSync(join(own, file), withMutant(source, mutant));
          const noticedBy = await noticed(own, server, options.quick);
          writeFileSync(join(own, file), source);
          const text = (source.split("\n")[mutant.line - 1] ?? "").trim();
          const judged = { ...mutant, file, text, noticedBy };
          done.push(judged);
          options.onProgress(done.length, mutants.length, judged);
        }
      }),
    );
    return done;
  } finally {
    for (const tree of trees) rmSync(tree, { recursive: true, force: true });
    await server.stop();
  }
}

async function noticed(
  tree: string,
  server: DatabaseServer,
  quick: boolean,
): Promise<StatementMutant["noticedBy"]> {
  if (!(await passes(tree, server, first))) return "the statements' own tests";
  return quick || (await passes(tree, server, then)) ? undefined : "the ledger's tests";
}

function passes(tree: string, { url }: DatabaseServer, tests: readonly string[]): Promise<boolean> {
  const child = spawn(join(tree, "node_modules/.bin/vitest"), ["run", "--bail", "1", ...tests], {
    cwd: tree,
    env: { ...process.env, DATABASE_URL: url },
    stdio: "ignore",
  });
  return new Promise((resolved, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), longestMs);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolved(code === 0);
    });
  });
}

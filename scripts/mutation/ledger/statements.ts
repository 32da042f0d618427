import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { copyOfTree } from "../../tree/copy-of-tree.ts";
import { Lane } from "./lane.ts";
import {
  type DatabaseName,
  mutated,
  type Target,
  taggedSources,
  tagOfTarget,
  targetsOf,
  testFilesOf,
} from "./targets.ts";
import type { Job, Ran } from "./tests-child.ts";

/** A mutant of a statement, and what became of it. */
export interface StatementMutant extends Target {
  /**
   * Noticed by a test that fails. Not by one that does not end: that shows no more than that the tests were no longer the
   * same. What no database understands is no mutant, and counts neither way.
   */
  readonly verdict: "noticed" | "unnoticed" | "without end" | "not understood";
  /** The test, and what it said. */
  readonly by?: string | undefined;
  readonly said?: string | undefined;
}

export interface StatementOptions {
  readonly database: DatabaseName;
  readonly lanes: number;
  /** Only mutants whose place has one of these in it, with commas between them: a file, or a line of it. */
  readonly only?: string | undefined;
  readonly onTest: (done: number, of: number) => void;
  readonly onMutant: (done: number, of: number, mutant: StatementMutant) => void;
}

/**
 * Runs the tests that come by a statement against every mutant of it, on real databases, until one fails. Which tests come
 * by is seen in a run without any mutant.
 *
 * @throws Error when a test fails without any mutant.
 */
export async function mutateStatements(options: StatementOptions): Promise<readonly StatementMutant[]> {
  const { database, only } = options;
  const all = targetsOf(database);
  const places = only?.split(",") ?? [""];
  const targets = all.filter(({ file, line }) => places.some((at) => `${file}:${line}:`.includes(at)));
  const tree = copyOfTree(resolve("."), "mutation");
  const lanes = Array.from({ length: options.lanes }, () => new Lane(tree));
  const leave = (): void => {
    for (const lane of lanes) lane.removeFolder();
    rmSync(tree, { recursive: true, force: true });
  };
  // Servers and tests end with this process by themselves.
  const interrupted = (): void => {
    leave();
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  try {
    const tests = await testsWithoutMutant(lanes, all, options);
    const done: StatementMutant[] = [];
    await shared(lanes, targets, async (lane, target) => {
      const own = tests.filter(({ tags }) => tags.includes(tagOfTarget(target)));
      const judged = { ...target, ...(await judge(lane, target, own)) };
      done.push(judged);
      options.onMutant(done.length, targets.length, judged);
    });
    return done;
  } finally {
    process.off("SIGINT", interrupted);
    await Promise.all(lanes.map((lane) => lane.close()));
    leave();
  }
}

/** Every test with the statements that it comes by, as they are. */
async function testsWithoutMutant(
  lanes: readonly Lane[],
  targets: readonly Target[],
  { database, onTest }: StatementOptions,
): Promise<readonly Ran[]> {
  const replaced = taggedSources(targets);
  const tags = [...new Set(targets.map(tagOfTarget))];
  const files = testFilesOf(database);
  const byFile = new Map<string, readonly Ran[]>();
  await shared(lanes, files, async (lane, file) => {
    const ran = await lane.run({ database, replaced, tags, files: [{ file }] }, false);
    const failed = ran.find(({ wrong }) => wrong !== undefined);
    if (failed !== undefined) {
      throw new Error(`without any mutant, on ${database}: ${failed.id}: ${failed.wrong}`);
    }
    byFile.set(file, ran);
    onTest(byFile.size, files.length);
  });
  return files.flatMap((file) => byFile.get(file) ?? []);
}

/** A slow test is run after all quick ones of its file. */
const slowMs = 1_000;

/** A busy machine is slow for a while. */
const limitOf = ({ spentMs }: Ran): number => 5_000 + 10 * spentMs;

async function judge(
  lane: Lane,
  target: Target,
  tests: readonly Ran[],
): Promise<Pick<StatementMutant, "verdict" | "by" | "said">> {
  const replaced = { [target.file]: mutated(target) };
  let left: readonly Ran[] = tests;
  let endless: Ran | undefined;
  while (left.length > 0) {
    const job: Job = { database: target.database, replaced, tags: [], files: inFiles(left) };
    const ran = await lane.run(job, true);
    const last = ran.at(-1);
    if (last?.wrong === undefined) break;
    const { id: by, wrong: said } = last;
    if (notUnderstood.test(said)) return { verdict: "not understood", by, said };
    if (last.endless !== true) return { verdict: "noticed", by, said };
    endless = last;
    // The others may still notice, in a process in which nothing hangs.
    const over = new Set([...ran.map(({ id }) => id), ...(last.id === "" ? left.map(({ id }) => id) : [])]);
    left = left.filter(({ id }) => !over.has(id));
  }
  return endless === undefined
    ? { verdict: "unnoticed" }
    : { verdict: "without end", by: endless.id, said: endless.wrong };
}

const notUnderstood = /syntax error|error in your SQL syntax|must be type boolean/;

function inFiles(tests: readonly Ran[]): Job["files"] {
  return [...Map.groupBy(tests, ({ file }) => file)].map(([file, own]) => ({
    file,
    tests: own
      .toSorted((a, b) => Number(a.spentMs > slowMs) - Number(b.spentMs > slowMs))
      .map((test) => ({ id: test.id, limitMs: limitOf(test) })),
  }));
}

/** Each lane takes the next one when it is done with its last. */
async function shared<T>(
  lanes: readonly Lane[],
  work: readonly T[],
  each: (lane: Lane, item: T) => Promise<void>,
): Promise<void> {
  const left = [...work];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await each(lane, next);
    }),
  );
}

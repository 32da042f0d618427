import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";

/**
 * What test files import as "vitest" while mutants are run: the same words, collected once and run any number of times
 * in this process. Loading the tests anew for each of thousands of mutants is what takes the time otherwise.
 */
export interface Test {
  readonly id: string;
  readonly file: string;
  readonly run: () => unknown;
}

type Body = (...given: never[]) => unknown;
type Hook = () => unknown;

interface FileHooks {
  readonly beforeAll: Hook[];
  readonly afterAll: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
}

const tests: Test[] = [];
const hooks = new Map<string, FileHooks>();
let loading = "";

/** Tells which file's tests are being collected. */
export function collect(file: string): void {
  loading = file;
  hooks.set(file, { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] });
}

/** What was collected is collected anew. */
export function forget(): void {
  tests.length = 0;
  hooks.clear();
}

export const collected = (): readonly Test[] => tests;

function add(name: string, run: () => unknown): void {
  const file = loading;
  tests.push({ id: `${file}#${name}`, file, run });
}

type Rows = readonly unknown[] | TemplateStringsArray;

const given = (row: unknown): unknown[] => (Array.isArray(row) ? row : [row]);

function each(rows: Rows) {
  return (name: string, body: Body): void => {
    for (const [index, row] of [...rows].entries())
      add(`${name} [${index}]`, () => (body as (...given: unknown[]) => unknown)(...given(row)));
  };
}

/** For what is not to be run here: it is not collected. */
const left = (): void => {};

interface TestWord {
  (name: string, body: Body): void;
  readonly each: typeof each;
  readonly skipIf: (condition: unknown) => (name: string, body: Body) => void;
  readonly runIf: (condition: unknown) => (name: string, body: Body) => void;
}

/** What a test is given that finds out only then that it is not for here. */
const context = {
  skip(condition: unknown = true, why = "it is not for here"): void {
    if (condition !== false) throw new NotOffered(String(why));
  },
};

const one = (name: string, body: Body): void =>
  add(name, () => (body as (...given: unknown[]) => unknown)(context));

export const test: TestWord = Object.assign(one, {
  each,
  skipIf: (condition: unknown) => (condition ? left : one),
  runIf: (condition: unknown) => (condition ? one : left),
});

/** Groups are for people: what is in them is collected as it comes. */
const group = (_name: string, body: () => void): void => body();

export const describe: typeof group & { readonly skipIf: (condition: unknown) => typeof group } =
  Object.assign((name: string, body: () => void) => group(name, body), {
    skipIf: (condition: unknown) => (condition ? left : group),
  });

const hooksOf = (file: string): FileHooks => hooks.get(file) as FileHooks;
export const beforeAll = (hook: Hook): number => hooksOf(loading).beforeAll.push(hook);
export const afterAll = (hook: Hook): number => hooksOf(loading).afterAll.push(hook);
export const beforeEach = (hook: Hook): number => hooksOf(loading).beforeEach.push(hook);
export const afterEach = (hook: Hook): number => hooksOf(loading).afterEach.push(hook);

/** Faked timers are not offered: a test that asks for them does not count. */
export class NotOffered extends Error {}
export const vi: object = new Proxy(
  {},
  {
    get: () => () => {
      throw new NotOffered("fake timers are not offered here");
    },
  },
);

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = ((value: unknown, message?: string) =>
  chai.expect(value, message)) as unknown as typeof chai.expect;
Object.assign(expect, chai.expect, (globalThis as Record<symbol, unknown>)[ASYMMETRIC_MATCHERS_OBJECT]);
(globalThis as Record<symbol, unknown>)[GLOBAL_EXPECT] = expect;
(expect as unknown as { extend: (expect: unknown, matchers: object) => void }).extend(expect, customMatchers);
setState(
  {
    assertionCalls: 0,
    isExpectingAssertions: false,
    isExpectingAssertionsError: null,
    expectedAssertionsNumber: null,
    expectedAssertionsNumberErrorGen: null,
  },
  expect as never,
);

/** How long is waited for what is not so yet. */
let longestPollMs = 30_000;

export function boundPolls(ms: number): void {
  longestPollMs = ms;
}

/** `expect.poll`: asks again until what is expected holds. The words between it and the last one are kept. */
function poll(ask: () => unknown, { timeout = 30_000, interval = 20 } = {}): unknown {
  const untilMs = performance.now() + Math.min(timeout, longestPollMs);
  const expected = async (words: readonly PropertyKey[], values: readonly unknown[]): Promise<void> => {
    for (;;) {
      const value = await ask();
      try {
        let found: unknown = expect(value);
        for (const word of words.slice(0, -1)) found = Reflect.get(found as object, word);
        const last = Reflect.get(found as object, words.at(-1) as PropertyKey) as Body;
        (last as (...values: readonly unknown[]) => unknown).apply(found, [...values]);
        return;
      } catch (error) {
        if (performance.now() >= untilMs) throw error;
        await pause(interval);
      }
    }
  };
  const after = (words: readonly PropertyKey[]): unknown =>
    new Proxy(left, {
      get: (_, word) => after([...words, word]),
      apply: (_, __, values: unknown[]) => expected(words, values),
    });
  return after([]);
}
Object.assign(expect, { poll });

const stray: unknown[] = [];
process.on("unhandledRejection", (reason) => stray.push(reason));
process.on("uncaughtException", (error) => stray.push(error));

/** What is wrong with a test that was given up. */
export const withoutEnd = "it does not end";

/** @returns undefined when it passed, "skipped", or what was wrong. */
export async function runTest(test: Test, limitMs: number): Promise<string | undefined> {
  stray.length = 0;
  let end: { error?: unknown } | undefined;
  const { beforeEach: before, afterEach: after } = hooksOf(test.file);
  (async () => {
    try {
      for (const hook of before) await hook();
      await test.run();
    } finally {
      for (const hook of after) await hook();
    }
  })().then(
    () => (end = {}),
    (error: unknown) => (end = { error: error ?? new Error("failed with nothing") }),
  );
  const givenUpAtMs = performance.now() + limitMs;
  for (let turns = 0; end === undefined && performance.now() < givenUpAtMs; turns += 1)
    await (turns < 50 ? turn() : pause(2));
  if (end === undefined) return withoutEnd;
  await turn();
  if (end.error instanceof NotOffered) return "skipped";
  if ("error" in end) return String(end.error);
  return stray.length > 0 ? `outside of the test: ${stray[0]}` : undefined;
}

export async function runAll(file: string, when: "beforeAll" | "afterAll"): Promise<void> {
  for (const hook of hooksOf(file)[when]) await hook();
}

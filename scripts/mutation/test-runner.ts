import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import {
  INSTRUMENTER_CONSTANTS,
  type InstrumenterContext,
  type StrykerOptions,
} from "@stryker-mutator/api/core";
import { commonTokens, declareClassPlugin, PluginKind, tokens } from "@stryker-mutator/api/plugin";
import {
  type CompleteDryRunResult,
  type DryRunOptions,
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  type TimeoutDryRunResult,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";

type Suite = typeof import("./suite.ts");

/** Written into the sandbox, which all workers share, by the one that made the first run. */
const timings = "test-timings.json";

interface Options extends StrykerOptions {
  readonly inProcess: {
    readonly tests: readonly string[];
    readonly leaveOut: readonly string[];
    /** Whether files are loaded anew in the same process, which keeps the old ones in memory; or else a new one is begun. */
    readonly reloads?: boolean;
  };
}

/**
 * Runs the tests of a package in Stryker's worker process itself: loaded once, run for every mutant. For one of what is
 * done while a file is loaded, the packages' files are loaded anew.
 */
class InProcessRunner implements TestRunner {
  static inject = tokens(commonTokens.options);
  readonly #options: Options;
  readonly #spentMs = new Map<string, number>();
  #suite: Suite | undefined;
  #loaded = false;
  /** Says in the addresses of the packages' files how often they were loaded. */
  #generation = 0;

  constructor(options: StrykerOptions) {
    this.#options = options as Options;
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: this.#options.inProcess.reloads ?? false };
  }

  async init(): Promise<void> {
    const root = process.cwd();
    const suiteUrl = new URL("./suite.ts", import.meta.url).href;
    const source = (name: string): string =>
      pathToFileURL(path.join(root, "packages", name, "src/index.ts")).href;
    // The sandbox has a copy of the sources and a link to node_modules, through which packages would find the original.
    const mapped = new Map([
      ["vitest", suiteUrl],
      ["fast-check", new URL("./fast-check.ts", import.meta.url).href],
      ["@outrigger/core", source("core")],
      ["@outrigger/lab", source("lab")],
      ["@outrigger/ledger", source("ledger")],
    ]);
    registerHooks({
      resolve: (specifier, context, next) => {
        const url = mapped.get(specifier);
        const found =
          url === undefined || url === context.parentURL
            ? next(specifier, context)
            : { url, shortCircuit: true };
        // Everything of the packages is of one generation: what two of them share is then one.
        const generation = /\?generation=\d+$/.exec(context.parentURL ?? "")?.[0];
        return generation === undefined || !isOurs(found.url)
          ? found
          : { ...found, url: found.url + generation };
      },
    });
    this.#suite = (await import(suiteUrl)) as Suite;
  }

  /**
   * Not before it is known which mutant is on: one of what is done while a file is loaded shows only then.
   *
   * @returns what went wrong in it.
   */
  async #load(anew: boolean): Promise<string | undefined> {
    if (this.#loaded && !anew) return undefined;
    this.#loaded = true;
    if (anew) this.#generation += 1;
    const root = process.cwd();
    const suite = this.#suite as Suite;
    suite.forget();
    try {
      for (const file of globSync([...this.#options.inProcess.tests], { cwd: root }).sort()) {
        suite.collect(file);
        await import(`${pathToFileURL(path.join(root, file)).href}?generation=${this.#generation}`);
        await suite.runAll(file, "beforeAll");
      }
    } catch (error) {
      this.#loaded = false;
      return String(error);
    }
    return undefined;
  }

  async dryRun(_options: DryRunOptions): Promise<DryRunResult> {
    const context = mutants();
    context.mutantCoverage ??= { static: {}, perTest: {} };
    const wrong = await this.#load(false);
    if (wrong !== undefined) return { status: DryRunStatus.Error, errorMessage: wrong };
    const run = await this.#run(undefined, true);
    const { mutantCoverage } = context;
    return { ...run, ...(mutantCoverage === undefined ? {} : { mutantCoverage }) };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    if (this.#spentMs.size === 0 && existsSync(timings))
      for (const [id, spentMs] of JSON.parse(readFileSync(timings, "utf8")) as [string, number][])
        this.#spentMs.set(id, spentMs);
    const context = mutants();
    context.activeMutant = options.activeMutant.id;
    context.hitCount = 0;
    if (options.hitLimit === undefined) delete context.hitLimit;
    else context.hitLimit = options.hitLimit;
    try {
      if (!this.#loaded && options.mutantActivation === "runtime") delete context.activeMutant;
      const wrong = await this.#load(options.reloadEnvironment);
      if (wrong !== undefined) return toMutantRunResult(notLoaded(wrong));
      context.activeMutant = options.activeMutant.id;
      const folder = path.dirname(path.relative(process.cwd(), options.sandboxFileName));
      const run = await this.#run(options.testFilter, false, folder);
      const limitReached = determineHitLimitReached(context.hitCount, options.hitLimit);
      return toMutantRunResult(limitReached ?? run);
    } finally {
      delete context.activeMutant;
    }
  }

  /** The tests nearest to the mutant go first, and the quick before the slow. */
  async #run(
    ids: readonly string[] | undefined,
    all: boolean,
    folder = "",
  ): Promise<CompleteDryRunResult | TimeoutDryRunResult> {
    const suite = this.#suite as Suite;
    const wanted = ids === undefined ? undefined : new Set(ids);
    const near = (file: string): number => (path.dirname(file) === folder ? 0 : 1);
    const { leaveOut } = this.#options.inProcess;
    const tests = suite
      .collected()
      .filter(({ id }) =>
        wanted === undefined ? !leaveOut.some((name) => id.includes(name)) : wanted.has(id),
      );
    if (!all)
      tests.sort(
        (a, b) =>
          near(a.file) - near(b.file) || (this.#spentMs.get(a.id) ?? 0) - (this.#spentMs.get(b.id) ?? 0),
      );
    const results: TestResult[] = [];
    const context = mutants();
    for (const test of tests) {
      context.currentTestId = test.id;
      const startedAtMs = performance.now();
      const limitMs = all ? 30_000 : 150 + 10 * (this.#spentMs.get(test.id) ?? 100);
      let wrong = await suite.runTest(test, limitMs);
      // A busy machine is slow for a moment, a mutant that waits for ever waits a second time.
      if (wrong === suite.withoutEnd && !all) wrong = await suite.runTest(test, 4 * limitMs);
      if (wrong === suite.withoutEnd && !all) {
        delete context.currentTestId;
        return { status: DryRunStatus.Timeout, reason: test.id };
      }
      const timeSpentMs = performance.now() - startedAtMs;
      if (all) this.#spentMs.set(test.id, timeSpentMs);
      const about = { id: test.id, name: test.id, fileName: test.file, timeSpentMs };
      if (wrong === undefined) results.push({ ...about, status: TestStatus.Success });
      else if (wrong === "skipped") results.push({ ...about, status: TestStatus.Skipped });
      else {
        results.push({ ...about, status: TestStatus.Failed, failureMessage: wrong });
        if (!all) break;
      }
    }
    delete context.currentTestId;
    if (all) writeFileSync(timings, JSON.stringify([...this.#spentMs]));
    return { status: DryRunStatus.Complete, tests: results };
  }
}

/** Tests that cannot even be loaded have noticed. */
function notLoaded(wrong: string): CompleteDryRunResult {
  const name = "the tests are loaded";
  const failed = {
    id: name,
    name,
    timeSpentMs: 0,
    status: TestStatus.Failed,
    failureMessage: wrong,
  } as const;
  return { status: DryRunStatus.Complete, tests: [failed] };
}

const isOurs = (url: string): boolean => url.includes("/packages/") && !url.includes("/node_modules/");

function mutants(): InstrumenterContext {
  const world = globalThis as unknown as Record<string, InstrumenterContext>;
  world[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {};
  return world[INSTRUMENTER_CONSTANTS.NAMESPACE] as InstrumenterContext;
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "in-process", InProcessRunner)];

export const strykerValidationSchema = {
  properties: {
    inProcess: {
      type: "object",
      description: "Which tests are loaded into Stryker's worker.",
      required: ["tests", "leaveOut"],
      properties: {
        tests: { description: "Their files.", type: "array", items: { type: "string" } },
        reloads: { description: "Whether files are loaded anew in the same process.", type: "boolean" },
        leaveOut: {
          description:
            "Parts of the names of those that take seconds and would be run for thousands of mutants.",
          type: "array",
          items: { type: "string" },
        },
      },
    },
  },
};

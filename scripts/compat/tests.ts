import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";

/** What became of the tests on one server. */
export interface TestsReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Each with its file; a file that could not be run has its own name only. */
  readonly failures: readonly string[];
}

/** All that the ledger and its command do on PostgreSQL, faults included. */
const included = ["packages/ledger/test", "packages/cli/test"];
/** What runs on other databases, or on none. */
const excluded = [
  "*on-mariadb.test.ts",
  "*on-sqlite.test.ts",
  "mariadb.test.ts",
  "sqlite/**",
  "model/**",
].map((path) => `packages/ledger/test/${path}`);

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/**
 * Runs them on the server of `url`; what vitest prints goes to stderr.
 *
 * @param bin - The programs of the same version, for tests that start a server of their own.
 * @param filters - Parts of the paths of test files. @defaultValue all that need PostgreSQL
 */
export async function testsOn(
  { url, bin }: { readonly url: string; readonly bin: string },
  filters: readonly string[],
  signal: AbortSignal,
): Promise<TestsReport> {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-compat-"));
  const file = join(folder, "report.json");
  try {
    const args = [
      "run",
      ...(filters.length > 0 ? filters : included),
      ...excluded.flatMap((path) => ["--exclude", path]),
      "--reporter=dot",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ];
    const child = spawn(resolve("node_modules/.bin/vitest"), args, {
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...process.env, DATABASE_URL: url, POSTGRES_BIN: bin },
      signal,
      killSignal: "SIGTERM",
    });
    const [code] = (await once(child, "close")) as [number | null];
    if (!existsSync(file)) throw new Error(`the tests could not be run: vitest ended with ${code}`);
    return reportOf(JSON.parse(readFileSync(file, "utf8")) as VitestReport);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function reportOf({
  numPassedTests,
  numFailedTests,
  numPendingTests,
  testResults,
}: VitestReport): TestsReport {
  const failures = testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(".", name);
    const failed = assertionResults
      .filter((each) => each.status === "failed")
      .map(({ fullName }) => `${file}: ${fullName}`);
    return failed.length === 0 && status === "failed" ? [file] : failed;
  });
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests, failures };
}

// `npm run compat [-- --postgres 15,16,17] [--json] [<part of a test file's path> ...]`: installs older versions of
// PostgreSQL from npm into folders of their own, and runs on each of them what the ledger and its command promise. Exit
// code 1 when a test fails or a version cannot be had, 2 for an option that is none.
import { parseArgs } from "node:util";
import { startPostgres } from "@outrigger/lab";
import pg from "pg";
import { installed } from "./installed.ts";
import { type TestsReport, testsOn } from "./tests.ts";
import { majorsIn, olderMajors } from "./versions.ts";

interface MajorReport extends TestsReport {
  readonly major: number;
  /** What the server says of itself. */
  readonly server: string;
  readonly seconds: number;
}

const { majors, json, filters } = options();
const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupted.abort());

const runs: MajorReport[] = [];
const missed: { readonly major: number; readonly why: string }[] = [];
for (const [index, major] of majors.entries()) {
  console.error(`${index + 1}/${majors.length} PostgreSQL ${major}: installing`);
  try {
    const report = await onMajor(major);
    runs.push(report);
    for (const failure of report.failures) console.error(`  failed: ${failure}`);
    if (!json) console.log(lineOf(report));
  } catch (error) {
    if (interrupted.signal.aborted) process.exit(130);
    const why = error instanceof Error ? error.message : String(error);
    missed.push({ major, why });
    console.error(`PostgreSQL ${major}: ${why}`);
  }
}
const ok = runs.every(holds) && missed.length === 0;
if (json) console.log(JSON.stringify({ ok, runs, missed }));
process.exit(ok ? 0 : 1);

/** Tests that are none prove nothing. */
function holds({ failed, failures, passed }: TestsReport): boolean {
  return failed + failures.length === 0 && passed > 0;
}

async function onMajor(major: number): Promise<MajorReport> {
  const startedAtMs = performance.now();
  const { version, bin, remove } = installed(major);
  try {
    process.env["POSTGRES_BIN"] = bin;
    const server = await startPostgres({ fsync: false });
    try {
      const says = await versionOf(server.url);
      if (!says.startsWith(`${major}.`)) throw new Error(`${version} of npm says that it is ${says}`);
      console.error(`${majors.indexOf(major) + 1}/${majors.length} PostgreSQL ${says}: running the tests`);
      const tests = await testsOn({ url: server.url, bin }, filters, interrupted.signal);
      return {
        major,
        server: says,
        ...tests,
        seconds: Math.round((performance.now() - startedAtMs) / 1_000),
      };
    } finally {
      await server.stop();
    }
  } finally {
    remove();
  }
}

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ readonly server_version: string }>("show server_version");
    return rows[0]?.server_version ?? "";
  } finally {
    await client.end();
  }
}

function lineOf(report: MajorReport): string {
  const { server, passed, failed, skipped, seconds } = report;
  return `PostgreSQL ${server}: ${holds(report) ? "ok" : "FAILED"}, ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`;
}

function options(): {
  readonly majors: readonly number[];
  readonly json: boolean;
  readonly filters: readonly string[];
} {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        postgres: { type: "string", default: olderMajors.join(",") },
        json: { type: "boolean", default: false },
      },
    });
    return { majors: majorsIn(values.postgres), json: values.json, filters: positionals };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error(
      "usage: npm run compat -- [--postgres 15,16,17] [--json] [<part of a test file's path> ...]",
    );
    process.exit(2);
  }
}

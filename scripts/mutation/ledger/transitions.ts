import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";

interface Report {
  readonly files: Record<
    string,
    {
      readonly mutants: readonly {
        readonly status: string;
        readonly replacement?: string;
        readonly location: { readonly start: { readonly line: number; readonly column: number } };
      }[];
    }
  >;
}

const reportPath = "reports/mutation/ledger.json";
/** A test that does not end is no proof that anybody would have noticed. */
const unnoticed: ReadonlySet<string> = new Set(["Survived", "NoCoverage", "Timeout"]);

/**
 * By the pure tests of the state machine alone, which take a second. The exploration of all worlds in
 * packages/ledger/test/model would notice more, and take a minute for each mutant that they let pass.
 *
 * @returns how many of the mutants are noticed; 0 when the tests fail without any.
 */
export function mutateTransitions(): number {
  rmSync(reportPath, { force: true });
  const run = spawnSync("stryker", ["run", "scripts/mutation/stryker.ledger.json"], { stdio: "inherit" });
  if (run.error !== undefined) throw run.error;
  if (!existsSync(reportPath)) return 0;
  const { files } = JSON.parse(readFileSync(reportPath, "utf8")) as Report;
  const all = Object.entries(files).flatMap(([file, { mutants }]) =>
    mutants.map((mutant) => ({ file, ...mutant })),
  );
  const left = all.filter(({ status }) => unnoticed.has(status));
  for (const { file, location, status, replacement = "" } of left) {
    const { line, column } = location.start;
    process.stdout.write(`  ${status.toLowerCase()}: ${file}:${line}:${column} -> ${replacement}\n`);
  }
  const met = all.filter(({ status }) => status === "Killed").length;
  const ratio = met / (met + left.length);
  process.stdout.write(
    `transitions: ${met} of ${met + left.length} mutants noticed (${(100 * ratio).toFixed(1)} %)\n`,
  );
  return ratio;
}

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
const noticed: ReadonlySet<string> = new Set(["Killed", "Timeout"]);
const unnoticed: ReadonlySet<string> = new Set(["Survived", "NoCoverage"]);

/** @returns whether Stryker finds the score high enough; its threshold stands in its configuration. */
export function mutateTransitions(): boolean {
  rmSync(reportPath, { force: true });
  const run = spawnSync("stryker", ["run", "scripts/mutation/stryker.ledger.json"], { stdio: "inherit" });
  if (run.error !== undefined) throw run.error;
  if (!existsSync(reportPath)) return false;
  const { files } = JSON.parse(readFileSync(reportPath, "utf8")) as Report;
  const all = Object.entries(files).flatMap(([file, { mutants }]) =>
    mutants.map((mutant) => ({ file, ...mutant })),
  );
  const left = all.filter(({ status }) => unnoticed.has(status));
  for (const { file, location, replacement = "" } of left) {
    process.stdout.write(
      `  unnoticed: ${file}:${location.start.line}:${location.start.column} -> ${replacement}\n`,
    );
  }
  const met = all.filter(({ status }) => noticed.has(status)).length;
  process.stdout.write(`transitions: ${met} of ${met + left.length} mutants noticed\n`);
  return run.status === 0;
}

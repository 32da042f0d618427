// `npm run mutation`: breaks packages/core in thousands of small ways and runs the tests against each of them.
// With folders after it, only these: `npm run mutation -- breaker retry`; with `ledger` the ledger's transitions and its
// statements instead, see ledger/main.ts. Exit code 1 when fewer than 85 % are noticed,
// or when a mutant of the folders below that no test notices is not explained in unnoticed.ts,
// 2 when a folder is misspelt.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mutateLedger } from "./ledger/main.ts";
import { type Explanation, explanations } from "./unnoticed.ts";

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: Position; readonly end: Position };
}
interface Position {
  readonly line: number;
  readonly column: number;
}
interface Report {
  readonly files: Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>;
}
interface NotKilled extends Omit<Explanation, "why"> {
  readonly status: string;
  readonly place: string;
}

const source = "packages/core/src";
/** Here every mutant that no test notices has to be explained. */
const explained = ["breaker", "budget", "bulkhead"];

const folders = process.argv.slice(2);
if (folders[0] === "ledger") process.exit((await mutateLedger(folders.slice(1))) ? 0 : 1);
const known = readdirSync(source, { withFileTypes: true }).filter((each) => each.isDirectory());
const unknown = folders.filter((folder) => !known.some(({ name }) => name === folder));
if (unknown.length > 0) {
  const names = known.map(({ name }) => name).join(", ");
  process.stderr.write(`${source} has no folder ${unknown.join(", ")}; it has ${names}\n`);
  process.exit(2);
}
const reportPath = "reports/mutation/core.json";
rmSync(reportPath, { force: true });
const mutate =
  folders.length === 0
    ? []
    : ["--mutate", folders.map((folder) => `${source}/${folder}/**/!(*.test).ts`).join(",")];
const run = spawnSync("stryker", ["run", "scripts/mutation/stryker.config.json", ...mutate], {
  stdio: "inherit",
});
if (run.error !== undefined) throw run.error;
// The tests have to pass before anything is broken; Stryker has said which do not.
if (!existsSync(reportPath)) process.exit(run.status ?? 1);

const report = JSON.parse(readFileSync(reportPath, "utf8")) as Report;
const notKilled = notKilledIn(report);
const met = notKilled.filter(({ status }) => status !== "Timeout");
const unexplained = met.filter((mutant) => !explanations.some((each) => isAbout(each, mutant)));
// A mutant that changes nothing runs every test that comes by it, which may take longer than one is given.
const outdated = explanations.filter(
  (each) => each.file in report.files && !notKilled.some((mutant) => isAbout(each, mutant)),
);

process.stdout.write(
  `${met.length} mutants of ${explained.join(", ")} go unnoticed, ${met.length - unexplained.length} of them explained\n`,
);
for (const { place, was, becomes } of unexplained)
  process.stdout.write(`  not explained: ${place}: ${was} -> ${becomes}\n`);
for (const { file, was, becomes } of outdated)
  process.stdout.write(`  explained, but noticed or gone: ${file}: ${was} -> ${becomes}\n`);
process.exitCode = run.status === 0 && unexplained.length === 0 && outdated.length === 0 ? 0 : 1;

function notKilledIn({ files }: Report): NotKilled[] {
  return Object.entries(files)
    .filter(([file]) => explained.some((folder) => file.startsWith(`${source}/${folder}/`)))
    .flatMap(([file, { source: text, mutants }]) =>
      mutants
        .filter(({ status }) => ["Survived", "NoCoverage", "Timeout"].includes(status))
        .map(({ status, location, replacement = "" }) => {
          const { line: where, was } = textAt(text, location);
          return {
            status,
            file,
            line: where,
            was,
            becomes: oneLine(replacement),
            place: `${file}:${location.start.line}`,
          };
        }),
    );
}

/** The whole line tells one place from another, and the mutated part what is changed in it. */
function textAt(text: string, { start, end }: Mutant["location"]): { line: string; was: string } {
  const lines = text.split("\n").slice(start.line - 1, end.line);
  const line = (lines[0] ?? "").trim();
  const last = lines.length - 1;
  const part = lines.map((each, at) =>
    each.slice(at === 0 ? start.column - 1 : 0, at === last ? end.column - 1 : undefined),
  );
  return { line, was: oneLine(part.join("\n")) };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 100);
}

function isAbout(each: Explanation, mutant: NotKilled): boolean {
  return (
    each.file === mutant.file &&
    each.line === mutant.line &&
    each.was === mutant.was &&
    each.becomes === mutant.becomes
  );
}

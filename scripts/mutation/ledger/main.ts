import { parseArgs } from "node:util";
import { ledger as explanations } from "../unnoticed/ledger.ts";
import { mutateStatements, type StatementMutant } from "./statements.ts";
import { mutateTransitions } from "./transitions.ts";

/** Of the transition function, and of the fenced statements, each. */
const leastRatio = 0.9;

/**
 * `npm run mutation -- ledger [--only transitions|statements] [--quick] [--lanes 2]`: breaks the ledger's transition function
 * with Stryker, and the statements that write with a mutator of our own.
 *
 * @returns whether both scores are high enough, and every mutant that goes unnoticed is explained.
 */
export async function mutateLedger(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      lanes: { type: "string", default: "2" },
    },
  });
  const { only, quick } = values;
  if (only !== undefined && only !== "transitions" && only !== "statements") {
    throw new RangeError(`--only is transitions or statements; got ${only}`);
  }
  const transitions = only === "statements" || mutateTransitions() >= leastRatio;
  const statements = only === "transitions" || report(await play(quick, Number(values.lanes)), quick);
  return transitions && statements;
}

async function play(quick: boolean, lanes: number): Promise<readonly StatementMutant[]> {
  const startedAtMs = performance.now();
  return await mutateStatements({
    quick,
    lanes,
    onProgress(done, of, { noticedBy, ...mutant }) {
      if (noticedBy === undefined) process.stderr.write(`unnoticed: ${line(mutant)}\n`);
      if (done % 10 !== 0 && done !== of) return;
      const leftMinutes = (((performance.now() - startedAtMs) / done) * (of - done)) / 60_000;
      process.stderr.write(`${done} of ${of} statement mutants, ${leftMinutes.toFixed(0)} min left\n`);
    },
  });
}

function report(mutants: readonly StatementMutant[], quick: boolean): boolean {
  const unnoticed = mutants.filter(({ noticedBy }) => noticedBy === undefined);
  const unexplained = unnoticed.filter((mutant) => !explanations.some((each) => isAbout(each, mutant)));
  const ratio = 1 - unnoticed.length / mutants.length;
  for (const mutant of unexplained) process.stdout.write(`  not explained: ${line(mutant)}\n`);
  process.stdout.write(
    `fenced statements: ${mutants.length - unnoticed.length} of ${mutants.length} mutants noticed ` +
      `(${(100 * ratio).toFixed(1)} %), ${unnoticed.length - unexplained.length} of the others explained` +
      `${quick ? "; by the statements' own tests alone" : ""}\n`,
  );
  return ratio >= leastRatio;
}

function isAbout(
  each: (typeof explanations)[number],
  { file, text, was, becomes }: StatementMutant,
): boolean {
  return (
    each.file === file && each.line === text && each.was === oneLine(was) && each.becomes === oneLine(becomes)
  );
}

const line = ({ file, line: at, rule, was, becomes }: Omit<StatementMutant, "noticedBy">): string =>
  `${file}:${at}: ${rule}: ${oneLine(was)} -> ${oneLine(becomes)}`;

const oneLine = (text: string): string => text.replace(/\s+/g, " ").slice(0, 100);

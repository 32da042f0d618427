import { parseArgs } from "node:util";
import { ledger as explanations } from "../unnoticed/ledger.ts";
import type { Explanation } from "../unnoticed.ts";
import { mutateStatements, type StatementMutant } from "./statements.ts";
import { type DatabaseName, databases } from "./targets.ts";
import { mutateTransitions } from "./transitions.ts";

/** Of the transition function, and of the fenced statements of each database. */
const leastRatio = 0.9;

/**
 * `npm run mutation -- ledger [--only transitions|statements] [--on postgres,sqlite,mariadb] [--at file:line] [--lanes 2]`:
 * breaks the ledger's transition function with Stryker, and the statements that write with a mutator of our own.
 *
 * @returns whether every score is high enough, and every mutant that goes unnoticed is explained.
 */
export async function mutateLedger(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      on: { type: "string" },
      at: { type: "string" },
      lanes: { type: "string", default: "2" },
    },
  });
  const { only, on, at } = values;
  if (only !== undefined && only !== "transitions" && only !== "statements") {
    throw new RangeError(`--only is transitions or statements; got ${only}`);
  }
  const lanes = Number(values.lanes);
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 64) {
    throw new RangeError(`--lanes is a whole number from 1 to 64; got ${values.lanes}`);
  }
  const chosen = await databasesOf(on);
  let met = only === "statements" || mutateTransitions() >= leastRatio;
  if (only === "transitions") return met;
  for (const database of chosen) met = report(database, await play(database, lanes, at)) && met;
  return met;
}

async function databasesOf(on: string | undefined): Promise<readonly DatabaseName[]> {
  const asked = on?.split(",") ?? databases;
  const chosen = databases.filter((name) => asked.includes(name));
  const unknown = asked.filter((name) => !chosen.some((known) => known === name));
  if (unknown.length > 0) {
    throw new RangeError(`--on is one or several of ${databases.join(",")}; got ${unknown.join(",")}`);
  }
  const { mariadbMissing } = await import("@outrigger/lab");
  const missing = chosen.includes("mariadb") ? mariadbMissing() : undefined;
  if (missing === undefined) return chosen;
  process.stderr.write(`${missing}\n`);
  return chosen.filter((name) => name !== "mariadb");
}

async function play(
  database: DatabaseName,
  lanes: number,
  only: string | undefined,
): Promise<readonly StatementMutant[]> {
  let startedAtMs = performance.now();
  return await mutateStatements({
    ...{ database, lanes, only },
    onTest(done, of) {
      process.stderr.write(`${database}: ${done} of ${of} test files pass without any mutant\n`);
      startedAtMs = performance.now();
    },
    onMutant(done, of, mutant) {
      if (process.env["VERBOSE"] !== undefined || mutant.verdict !== "noticed")
        process.stderr.write(
          `${mutant.verdict}: ${line(mutant)}: ${mutant.by}: ${mutant.said?.slice(0, 200)}\n`,
        );
      if (done % 10 !== 0 && done !== of) return;
      const leftMinutes = (((performance.now() - startedAtMs) / done) * (of - done)) / 60_000;
      process.stderr.write(
        `${database}: ${done} of ${of} mutants of statements, ${leftMinutes.toFixed(1)} min left\n`,
      );
    },
  });
}

function report(database: DatabaseName, mutants: readonly StatementMutant[]): boolean {
  const understood = mutants.filter(({ verdict }) => verdict !== "not understood");
  const left = understood.filter(({ verdict }) => verdict !== "noticed");
  const unexplained = left.filter((mutant) => !explanations.some((each) => isAbout(each, mutant)));
  const noticed = understood.length - left.length;
  const ratio = noticed / understood.length;
  for (const mutant of unexplained) {
    process.stdout.write(`  ${mutant.verdict}, and not explained: ${line(mutant)}\n`);
  }
  process.stdout.write(
    `statements of ${database}: ${noticed} of ${understood.length} mutants noticed ` +
      `(${(100 * ratio).toFixed(1)} %), ${left.length - unexplained.length} of the others explained; ` +
      `${mutants.length - understood.length} more are no SQL\n`,
  );
  return ratio >= leastRatio && unexplained.length === 0;
}

function isAbout(each: Explanation, { file, text, was, becomes }: StatementMutant): boolean {
  return (
    each.file === file && each.line === text && each.was === oneLine(was) && each.becomes === oneLine(becomes)
  );
}

const line = ({ file, line: at, rule, was, becomes }: StatementMutant): string =>
  `${file}:${at}: ${rule}: ${oneLine(was)} -> ${oneLine(becomes)}`;

const oneLine = (text: string): string => text.replace(/\s+/g, " ").slice(0, 100);

import { parseArgs } from "node:util";
import { type LedgerSoakReport, soakTheLedger } from "./ledger/soak.ts";

/**
 * Four processes on one PostgreSQL that waits for the disk, killed, stopped and cut off at random, with every definition
 * and mode of the crash matrix. @returns whether every bound held.
 */
export async function soakLedgerTopic(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      operations: { type: "string", default: "1000000" },
      seed: { type: "string", default: "20260101" },
    },
  });
  const operations = Number(values.operations);
  const seed = Number(values.seed);
  if (!Number.isInteger(operations) || operations < 1 || !Number.isInteger(seed)) {
    throw new RangeError("--operations is an integer of 1 or more, and --seed an integer");
  }
  const report = await soakTheLedger({
    operations,
    seed,
    onViolation: (violation) => console.error(`VIOLATION ${violation}`),
    onProgress: ({ done, of, perSecond, violations }) => {
      const minutes = (of - done) / perSecond / 60;
      console.error(
        `${done} of ${of} operations, ${perSecond.toFixed(0)} per second, ${minutes.toFixed(1)} min left, ` +
          `${violations} violations`,
      );
    },
  });
  if (values.json) console.log(JSON.stringify(report));
  else print(report);
  return report.bounds.every(({ holds }) => holds);
}

const violationsShown = 20;

function print({
  operations,
  seed,
  seconds,
  faults,
  withPerson,
  violations,
  bounds,
}: LedgerSoakReport): void {
  const perSecond = operations / seconds;
  console.log(
    `${operations} operations in ${seconds.toFixed(0)} s (${perSecond.toFixed(0)} per second), seed ${seed}, ` +
      `Node ${process.version}; a million take ${(1_000_000 / perSecond / 60).toFixed(0)} min at this rate`,
  );
  console.log(
    `${faults.kills} processes were killed, ${faults.pauses} stopped past their lease, connections cut ${faults.cuts} times; ` +
      `${withPerson} operations went to a person, as promised`,
  );
  for (const each of violations.slice(0, violationsShown)) console.log(`VIOLATION ${each}`);
  for (const { name, holds, measured } of bounds)
    console.log(`${holds ? "ok    " : "MISSED"} ${name}: ${measured}`);
}

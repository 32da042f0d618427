// `npm run crash`: stops processes and databases at every step of an operation, and judges by what the providers did and
// what the shop's table says. See `usage` for the options. Exit code 1 when a promise was broken, when a variant that is
// weaker was not caught, or when a step was never met; 2 for an option that is none.
import { parseArgs } from "node:util";
import { databaseNames } from "./databases/database.ts";
import { shares } from "./matrix/plan.ts";
import { Accounts } from "./play/accounts.ts";
import { journalIn } from "./play/journal.ts";
import type { Progress } from "./play/theatre.ts";
import { type CrashReport, failuresOf, printReport } from "./report.ts";
import { crash } from "./run.ts";

/** All of them use one server; see `serverConnections`. */
const lanesAtMost = 6;

const usage = `usage: npm run crash -- [options]
  --database all|${databaseNames.join("|")}   default all, one after the other
  --share ${shares.join("|")}   default main
  --only "<definition>/<mode>/<fault>/<point>"   * for any part; an id may end early
  --at-most <cases of each phase>   drawn by the seed
  --seed <n>
  --lanes <n>   companies of cases that are played at a time, at most ${lanesAtMost}
  --journal <file>   keeps what was played, and goes on where an interrupted run has left it
  --accounts <folder>   for what is known of each case that was broken; by default one beside other temporary files
  --json`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    database: { type: "string", default: "all" },
    only: { type: "string" },
    share: { type: "string", default: "main" },
    "at-most": { type: "string" },
    seed: { type: "string", default: "20260101" },
    lanes: { type: "string", default: "4" },
    journal: { type: "string" },
    accounts: { type: "string" },
  },
});
const { only, journal } = values;
const databases = databaseNames.filter((name) => values.database === "all" || name === values.database);
const share = shares.find((each) => each === values.share);
const atMost = values["at-most"] === undefined ? undefined : Number(values["at-most"]);
const seed = Number(values.seed);
const lanes = Number(values.lanes);
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;
if (
  databases.length === 0 ||
  share === undefined ||
  !Number.isInteger(seed) ||
  !isCount(lanes) ||
  lanes > lanesAtMost ||
  (atMost !== undefined && !isCount(atMost))
) {
  console.error(usage);
  process.exit(2);
}

const accounts = new Accounts(values.accounts);
const reports: CrashReport[] = [];
for (const database of databases) {
  let lastLineAtMs = 0;
  const onProgress = ({ phase, done, of, perSecond }: Progress): void => {
    const nowMs = performance.now();
    if (nowMs - lastLineAtMs < 5_000 && done < of) return;
    lastLineAtMs = nowMs;
    const leftSeconds = Math.round((of - done) / perSecond);
    console.error(
      `${database}, ${phase}: ${done} of ${of}, ${perSecond.toFixed(1)} per second, ${leftSeconds} s left`,
    );
  };
  const report = await crash({
    ...{ database, share, seed, lanes, atMost, only, onProgress },
    ...(journal !== undefined && {
      journal: journalIn(journal, [database, share, seed, atMost, only].join(" ")),
    }),
    onPace: (leaseMs) => console.error(`${database}: leases of ${leaseMs} ms, as this machine is quick`),
    onViolation: (played) =>
      console.error(`\nVIOLATION ${played.account}\n  kept in ${accounts.keep(database, played)}\n`),
    onMissed: (played) => console.error(`not found out in ${played.id}: ${accounts.keep(database, played)}`),
  });
  if (values.json) console.log(JSON.stringify(report));
  else printReport(report);
  reports.push(report);
}
const failed = reports.filter((report) => failuresOf(report).length > 0).map(({ database }) => database);
if (!values.json && reports.length > 1) {
  console.log(
    failed.length === 0 ? "no promise was broken on any database" : `FAILED on ${failed.join(", ")}`,
  );
}
if (accounts.kept > 0) console.error(`the accounts of ${accounts.kept} cases are in ${accounts.folder}`);
process.exit(failed.length === 0 ? 0 : 1);

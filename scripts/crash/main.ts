// `npm run crash [-- --database postgres] [--only "<definition>/<mode>/<fault>/<point>"] [--share all|main|representative]
// [--at-most 1000] [--seed 1] [--lanes 3] [--json]`: stops processes and databases at every step of an operation, and judges by what the
// providers did and what the shop's table says. Exit code 1 when a promise was broken, when a variant that is weaker was
// not caught, or when a step was never met; 2 for an option that is none.
import { parseArgs } from "node:util";
import { databaseNames } from "./databases/database.ts";
import { shares } from "./matrix/plan.ts";
import { failuresOf, printReport } from "./report.ts";
import { crash } from "./run.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    database: { type: "string", default: "postgres" },
    only: { type: "string" },
    share: { type: "string", default: "main" },
    "at-most": { type: "string" },
    seed: { type: "string", default: "20260101" },
    lanes: { type: "string", default: "3" },
  },
});
const database = databaseNames.find((name) => name === values.database);
const share = shares.find((each) => each === values.share);
const atMost = values["at-most"] === undefined ? undefined : Number(values["at-most"]);
const seed = Number(values.seed);
const lanes = Number(values.lanes);
if (
  database === undefined ||
  share === undefined ||
  !Number.isInteger(seed) ||
  !(lanes >= 1) ||
  atMost === 0 ||
  Number.isNaN(atMost)
) {
  console.error(
    `usage: npm run crash -- [--database ${databaseNames.join("|")}] [--share ${shares.join("|")}] ` +
      '[--only "<definition>/<mode>/<fault>/<point>", with * for any part] [--at-most <cases of each phase>] [--seed <n>] [--lanes <n>] [--json]',
  );
  process.exit(2);
}
let lastLineAtMs = 0;
const report = await crash({
  ...{ database, share, seed, lanes, atMost },
  only: values.only,
  onProgress({ phase, done, of, perSecond }) {
    const nowMs = performance.now();
    if (nowMs - lastLineAtMs < 5_000 && done < of) return;
    lastLineAtMs = nowMs;
    const leftSeconds = Math.round((of - done) / perSecond);
    console.error(`${phase}: ${done} of ${of}, ${perSecond.toFixed(1)} per second, ${leftSeconds} s left`);
  },
  onViolation: ({ account }) => console.error(`\nVIOLATION ${account}\n`),
});
if (values.json) console.log(JSON.stringify(report));
else printReport(report);
process.exit(failuresOf(report, { whole: values.only === undefined }).length === 0 ? 0 : 1);

// `npm run soak -- http [--requests 500000] [--seed 1] [--json]`, `npm run soak -- ledger [--operations 100000] [--seed 1]
// [--json]`: runs one topic for long, and exits with 1 when
// something is left behind or done twice.
import { soakHttp } from "./http.ts";
import { soakLedgerTopic } from "./ledger.ts";

const topics: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  http: soakHttp,
  ledger: soakLedgerTopic,
};

const [name = "", ...args] = process.argv.slice(2);
const topic = topics[name];
// What is to be ended at an exit is ended then too.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(code));
}
if (topic === undefined) {
  console.error(
    `usage: npm run soak -- ${Object.keys(topics).join("|")} [--json] [--seed <n>] [--requests <n> | --operations <n>]`,
  );
  process.exitCode = 2;
} else {
  const held = await topic(args);
  // Not left to what is still open: that something is left is what a soak is there to say.
  process.exit(held ? 0 : 1);
}

import { fromSqlite } from "@outrigger/ledger";

// Entry file of a process that may write files only up to a size: a commit whose log would grow beyond it fails.
const sql = fromSqlite(process.argv[2] ?? "");
const put = (name: string): Promise<string> =>
  sql
    .transaction(async (tx) => tx.prepare("insert into item (name) values (?)").run(name))
    .then(
      () => "committed",
      (error: { code: string; effect: string }) => `${error.code} ${error.effect}`,
    );
const say = (told: unknown): boolean => process.stdout.write(`${JSON.stringify(told)}\n`);

say([await put("small"), await put("x".repeat(400_000)), await put("after")]);
let outcome = "";
const committed: string[] = [];
for (let index = 0; index < 200 && !outcome.endsWith("unknown"); index += 1) {
  outcome = await put(`n${index}`);
  if (outcome === "committed") committed.push(`n${index}`);
}
say({ outcome, next: await put("next"), committed });
// Somebody moves the log into the file meanwhile, and there is room again.
process.stdin.once("data", async () => {
  say(await put("again"));
  process.exit(0);
});

import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spawnCli } from "../../../packages/cli/test/support/spawn-cli.ts";
import { watchMoney } from "./alarms.ts";
import { defineOperations } from "./operations.ts";

let server: DatabaseServer;
let database: Database;
let pool: pg.Pool;
beforeAll(async () => {
  server = await databaseForTests();
  database = await createDatabase(server.url, "docs_alarms");
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  await pool.query("create table orders (id text primary key, status text not null)");
});
afterAll(async () => {
  await pool.end();
  await database.drop();
  await server.stop();
});

test("the page's alarm pages once, and the page's app settles what it was about", async () => {
  const ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  const pay = defineOperations(ledger);
  await pay.enqueue({ id: "order-17", amount: "620.50" }, { key: "order-17" });
  await pool.query("update outrigger.operation set state = 'MANUAL', due_at = null");

  const pages: string[] = [];
  const alarms = watchMoney(ledger, (type, message, key) => pages.push(`${type} ${key}: ${message}`));
  await alarms.look();
  expect(pages).toEqual([
    "alarmRaised outrigger/outrigger/manual: 1 operation waits for a person (limit 1); at risk: 1 operation, 620.5 EUR",
    "alarmRaised outrigger/outrigger/moneyAtRisk:EUR: 620.5 EUR are at risk (limit 500); at risk: 1 operation, 620.5 EUR",
  ]);

  const app = new URL("./operator-app.ts", import.meta.url).pathname;
  const { code, stdout } = await spawnCli(
    [
      ...[
        "ledger",
        "resolve",
        "checkout.pay",
        "order-17",
        "--as",
        "committed",
        "--result",
        '{"chargeId":"ch_1"}',
      ],
      ...["--reason", "seen in their console", "--yes", "--app", app],
    ],
    { env: { DATABASE_URL: database.url } },
  );
  expect([code, stdout]).toEqual([0, "It is DONE now.\n"]);
  await alarms.look();
  await alarms.stop();
  expect(pages.slice(2).map((page) => page.split(" ")[0])).toEqual(["alarmCleared", "alarmCleared"]);
});

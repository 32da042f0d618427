import { mariadbMissing } from "@outrigger/lab";
import { createLedger } from "@outrigger/ledger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ShopDatabase } from "../../ledger/test/support/databases/database.ts";
import { mariadb } from "../../ledger/test/support/databases/mariadb.ts";
import { sqlite } from "../../ledger/test/support/databases/sqlite.ts";
import type { Order, Payment } from "../../ledger/test/support/payments.ts";
import { type Ended, spawnCli } from "./support/spawn-cli.ts";

const kinds: readonly [string, (name: string) => Promise<ShopDatabase<never>>, string | undefined][] = [
  ["SQLite", sqlite as never, undefined],
  ["MariaDB", mariadb as never, mariadbMissing()],
];

describe.each(kinds)("on %s", (kind, open, missing) => {
  describe.skipIf(missing !== undefined)("the command", () => {
    let database: ShopDatabase<never>;
    beforeAll(async () => {
      database = await open(`cli_${kind.toLowerCase()}`);
      const connection = database.connect({ name: "cli", url: database.url });
      const ledger = createLedger({ sql: connection.sql });
      await ledger.migrate();
      const pay = ledger.operation<Order, Payment>("pay", {
        ...database.orders,
        call: async () => ({ charge: "ch_1" }),
        inquire: async () => ({ status: "notFound" }),
        accept: "none",
      });
      await pay.run({ id: "done", amount: 1 }, { key: "done" });
      await pay.enqueue({ id: "ready", amount: 1 }, { key: "ready" });
      await connection.close();
    }, 120_000);
    afterAll(() => database?.drop(), 60_000);

    const ledger = (...args: string[]): Promise<Ended> =>
      spawnCli(["ledger", ...args, "--database", database.url]);

    test("lists, shows and cancels", async () => {
      const listed = await ledger("list", "--json");
      expect([listed.code, JSON.parse(listed.stdout)]).toEqual([
        0,
        expect.objectContaining({ key: "ready", state: "READY" }),
      ]);
      const done = await ledger(
        "list",
        "--state",
        "done",
        "--operation",
        "pay",
        "--older-than",
        "0ms",
        "--json",
      );
      expect(JSON.parse(done.stdout)).toMatchObject({ key: "done", nextAt: null });
      expect((await ledger("show", "pay", "ready")).stdout).toContain("READY: stored, not sent yet");
      const cancelled = await ledger("cancel", "pay", "ready", "--reason", "no", "--yes", "--json");
      expect(JSON.parse(cancelled.stdout)).toMatchObject({ state: "READY", cancelRequested: true });
    });

    test("doctor looks at the server, the tables and the work", async () => {
      const { stdout } = await ledger("doctor", "--json");
      const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] };
      expect(
        findings.filter(({ check }) => check !== "durability").every(({ level }) => level === "ok"),
      ).toBe(true);
      expect(new Set(findings.map(({ check }) => check))).toEqual(
        new Set(["reachable", "version", "durability", "tables", "people", "oldest", "workers"]),
      );
    });
  });
});

test("a file that is not there is not made", async () => {
  const { code, stderr } = await spawnCli(["ledger", "list", "--database", "sqlite:/nowhere/at-all.db"]);
  expect([code, stderr]).toEqual([3, "error: there is no database file /nowhere/at-all.db\n"]);
});

import { mariadbMissing } from "@outrigger/lab";
import { createLedger, type Operation } from "@outrigger/ledger";
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
      const [pay, ticket] = ["pay", "ticket"].map((name) =>
        ledger.operation<Order, Payment>(name, {
          ...database.orders,
          call: async () => ({ charge: "ch_1" }),
          inquire: async () => ({ status: "notFound" }),
          accept: "none",
        }),
      ) as [Operation<Order, Payment, never>, Operation<Order, Payment, never>];
      await pay.run({ id: "done", amount: 1 }, { key: "done" });
      await pay.enqueue({ id: "ready", amount: 1 }, { key: "ready" });
      const trip = ledger.saga<Order, { readonly ticket: Payment }>("trip", {
        version: 1,
        steps: [{ name: "ticket", operation: ticket, input: ({ input }) => input }],
      });
      await trip.run({ id: "trip-1", amount: 1 }, { key: "trip-1" });
      await trip.enqueue({ id: "trip-2", amount: 1 }, { key: "trip-2" });
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

    test("lists sagas, shows one with its steps, and cancels one", async () => {
      const listed = await ledger("sagas", "--json");
      expect([listed.code, JSON.parse(listed.stdout)]).toEqual([
        0,
        expect.objectContaining({
          key: "trip-2",
          state: "RUNNING",
          progressAt: expect.stringMatching(isoTime),
        }),
      ]);
      expect((await ledger("sagas", "show", "trip", "trip-1")).stdout).toMatch(
        /ticket +do it +DONE +ticket +trip:trip-1:ticket/,
      );
      const cancelled = await ledger(
        "sagas",
        "cancel",
        "trip",
        "trip-2",
        "--reason",
        "no",
        "--yes",
        "--json",
      );
      expect(JSON.parse(cancelled.stdout)).toMatchObject({ state: "RUNNING", cancelRequested: true });
      const again = await ledger(
        "sagas",
        "retry",
        "trip",
        "trip-2",
        "--reason",
        "now",
        "--by",
        "kim",
        "--yes",
        "--json",
      );
      const { history } = JSON.parse(again.stdout) as { history: { why: string }[] };
      expect(history.map(({ why }) => why)).toEqual(["created", "cancelRequested", "operatorRetry"]);
    });

    test("doctor looks at the server, the tables and the work", async () => {
      const { stdout } = await ledger("doctor", "--json");
      const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] };
      expect(
        findings.filter(({ check }) => check !== "durability").every(({ level }) => level === "ok"),
      ).toBe(true);
      expect(new Set(findings.map(({ check }) => check))).toEqual(
        new Set(["reachable", "version", "durability", "tables", "people", "oldest", "workers", "sagas"]),
      );
    });
  });
});

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

test("a file that is not there is not made", async () => {
  const { code, stderr } = await spawnCli(["ledger", "list", "--database", "sqlite:/nowhere/at-all.db"]);
  expect([code, stderr]).toEqual([3, "error: there is no database file /nowhere/at-all.db\n"]);
});

import { mariadbMissing } from "@outrigger/lab";
import { describe, expect, test } from "vitest";
import type { StatementFunction } from "../src/store/dialect.ts";
import type { SqlQuery } from "../src/store/sql-port.ts";
import { mariadb } from "./support/databases/mariadb.ts";
import { useAnyShop, useDatabase } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import { stored, storeOf, to } from "./support/store.ts";

const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);
else useDatabase(mariadb);

describe.skipIf(missing !== undefined)("on MariaDB, where a copy is made by several statements", () => {
  const shop = missing === undefined ? useAnyShop("ledger_copies") : undefined;

  test("what changes between them is not copied with the history that it had before", async () => {
    if (shop === undefined) return;
    const store = storeOf(shop);
    const row = await stored(store, "c1");
    const done = await store.move(store.sql.query, row, to(row, "DONE"));
    if (done === undefined) throw new Error("not moved");
    await wait(3);
    const copy = store.dialect.statements("outrigger").archiveCopy as StatementFunction;
    await store.sql.transaction(async (_, query) => {
      let sent = 0;
      const interrupted: SqlQuery = async (text, values) => {
        sent += 1;
        if (sent === 2) await store.note(done, { why: "noted", evidence: "e", by: "kim" });
        return await query(text, values);
      };
      await copy(interrupted, [null, 0, 100]);
    });
    const archive = shop.database.table("operation_archive");
    expect(await shop.database.query(`select id from ${archive}`)).toEqual([]);
    await wait(3);
    expect(await store.archiveCopy(undefined, { olderThanMs: 0, limit: 100 })).toEqual([row.id]);
  });
});

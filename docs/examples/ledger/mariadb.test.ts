import { readFileSync } from "node:fs";
import { Failure } from "@outrigger/core";
import { createMariadbDatabase, mariadbForTests, mariadbMissing } from "@outrigger/lab";
import mysql, { type RowDataPacket } from "mysql2/promise";
import { expect, test } from "vitest";
import { openShop, placeOrder } from "./mariadb.ts";

const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);

const declined = (): Failure =>
  new Failure("declined", { code: "DECLINED", effect: "none", kind: "refused" });

test.skipIf(missing !== undefined)(
  "the page's shop pays, voids and sends what was stored with the cart, with the rights that the page names",
  async () => {
    const server = await mariadbForTests();
    const database = await createMariadbDatabase(server.url, "docs_mariadb");
    const root = mysql.createPool({ uri: database.url, connectionLimit: 2 });
    await root.query("create table orders (id varchar(64) primary key, status varchar(16) not null)");
    await root.query("create table cart (order_id varchar(64))");
    await root.query("insert into cart values ('o3')");
    const page = readFileSync(new URL("../../ledger/mariadb.md", import.meta.url), "utf8");
    const script = /```sql\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
    const [migrator, runner] = ["migrator", "runner"].map((name) => `${name}_${database.name}`);
    for (const statement of script.split(";").filter((each) => each.trim() !== "")) {
      await root.query(
        statement
          .replaceAll("shop.", `${database.name}.`)
          .replaceAll("'migrator'", `'${migrator}'`)
          .replaceAll("'runner'", `'${runner}'`),
      );
    }
    const as = (user = ""): string => {
      const url = new URL(database.url);
      url.username = user;
      url.password = "secret";
      return url.href;
    };
    const charged = new Set<string>();
    const payments = {
      async charge({ amount }: { readonly amount: number }, key: string) {
        if (amount > 100) throw declined();
        charged.add(key);
        return { chargeId: key };
      },
      find: async (key: string) => (charged.has(key) ? { chargeId: key } : undefined),
      async undo(key: string) {
        charged.delete(key);
      },
    };
    const first = await openShop(as(migrator), payments);
    await first.ledger.stop();
    await first.pool.end();

    const shop = await openShop(as(runner), payments);
    expect(await shop.pay.run({ id: "o1", amount: 10 }, { key: "o1" })).toMatchObject({
      status: "committed",
    });
    expect(await shop.pay.run({ id: "o2", amount: 900 }, { key: "o2" })).toMatchObject({
      status: "abandoned",
    });
    await placeOrder(shop, { id: "o3", amount: 10 });
    const statuses = async (): Promise<unknown> =>
      (await root.query<RowDataPacket[]>("select id, status from orders order by id"))[0];
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([
      { id: "o1", status: "paid" },
      { id: "o2", status: "void" },
      { id: "o3", status: "paid" },
    ]);
    expect((await root.query<RowDataPacket[]>("select * from cart"))[0]).toEqual([]);
    await shop.ledger.stop();
    await shop.pool.end();
    for (const user of [migrator, runner]) await root.query(`drop user '${user}'@'%'`);
    await root.end();
    await database.drop();
    await server.stop();
  },
);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { close, declined, openShop, placeOrder } from "./sqlite.ts";

test("the page's shop takes a payment, voids a declined one, and sends what was stored with the cart", async () => {
  const directory = mkdtempSync(join(tmpdir(), "outrigger-docs-"));
  const file = join(directory, "shop.db");
  const db = new DatabaseSync(file);
  db.exec(
    "create table orders (id text primary key, status text not null); create table cart (order_id text)",
  );
  const statusOf = (id: string): unknown =>
    db.prepare("select status from orders where id = ?").get(id)?.["status"];
  const charged = new Set<string>();
  const shop = await openShop(file, {
    async charge({ amount }, key) {
      if (amount > 100) throw declined();
      charged.add(key);
      return { chargeId: key };
    },
    find: async (key) => (charged.has(key) ? { chargeId: key } : undefined),
    async undo(key) {
      charged.delete(key);
    },
  });
  expect(await shop.pay.run({ id: "o1", amount: 10 }, { key: "o1" })).toMatchObject({ status: "committed" });
  expect(await shop.pay.run({ id: "o2", amount: 900 }, { key: "o2" })).toMatchObject({ status: "abandoned" });
  await shop.sql.transaction(async (tx) => tx.exec("insert into cart values ('o3')"));
  await placeOrder(shop, { id: "o3", amount: 10 });
  await expect.poll(() => statusOf("o3"), { timeout: 10_000 }).toBe("paid");
  expect([statusOf("o1"), statusOf("o2"), db.prepare("select * from cart").all()]).toEqual([
    "paid",
    "void",
    [],
  ]);
  await close(shop);
  db.close();
  rmSync(directory, { recursive: true });
});

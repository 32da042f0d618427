import { expect, test } from "vitest";
import type { ChangedOrder } from "../database/shop-database.ts";
import { allOrders, OrderReader } from "./read-orders.ts";

/** A table of which each row can be seen from now on, whenever it says that it changed. */
class Table {
  readonly #rows = new Map<string, ChangedOrder>();
  /** Rows of each answer. */
  readonly told: number[] = [];

  see(id: string, changedAtMs: number, status: ChangedOrder["status"] = "paying"): void {
    this.#rows.set(id, { id, amount: 100, currency: "KRW", status, provider: null, changedAtMs });
  }

  async changedSince(_lane: "bare" | "outrigger", sinceMs: number): Promise<ChangedOrder[]> {
    const rows = [...this.#rows.values()].filter(({ changedAtMs }) => changedAtMs >= sinceMs);
    this.told.push(rows.length);
    return rows.sort((a, b) => a.changedAtMs - b.changedAtMs);
  }
}

test("an order is read whose change was committed after a later one", async () => {
  const table = new Table();
  const reader = new OrderReader(table, "outrigger");
  table.see("early", 99_000);
  table.see("later", 100_000);
  await reader.changes();
  table.see("early", 99_999, "paid");
  expect(await reader.changes()).toContainEqual(
    expect.objectContaining({ orderId: "early", lane: "outrigger", status: "paid" }),
  );
});

test("what changed long ago is not read again", async () => {
  const table = new Table();
  const reader = new OrderReader(table, "bare");
  table.see("old", 10_000);
  table.see("new", 100_000);
  for (let round = 0; round < 3; round += 1) await reader.changes();
  expect(table.told).toEqual([2, 1, 1]);
  expect((await allOrders(table, "bare")).map(({ orderId, status }) => [orderId, status])).toEqual([
    ["old", "pending"],
    ["new", "pending"],
  ]);
});

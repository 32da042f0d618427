import type { SqlPort } from "@outrigger/ledger";
import type { ConnectionOptions, ShopDatabase } from "./database.ts";

/** What a process has of a test's database that has been told where it is: its port, and the orders in its words. */
export async function reached(
  module = "",
  url = "",
): Promise<{ readonly sql: SqlPort<unknown>; readonly orders: ShopDatabase<unknown>["orders"] }> {
  const { connect, orders } = (await import(module)) as {
    connect: (options: ConnectionOptions) => ReturnType<ShopDatabase<unknown>["connect"]>;
    orders: ShopDatabase<unknown>["orders"];
  };
  return { sql: connect({ name: `killed_${process.pid}`, url }).sql, orders };
}

import type { ChangedOrder, ShopDatabase } from "../database/shop-database.ts";
import type { Lane, OrderLine } from "./order-book.ts";

/** Every order of a lane, as the database has it now. */
export async function allOrders(
  database: Pick<ShopDatabase, "changedSince">,
  lane: Lane,
): Promise<OrderLine[]> {
  return (await database.changedSince(lane, 0)).map((order) => lineOf(lane, order));
}

/**
 * A change bears the instant at which it was written, and is seen when it is committed: one that comes later may be the
 * earlier one. So what changed within this time, in milliseconds, is read again; it is longer than any commit takes.
 */
const overlapMs = 5_000;

/** Reads a lane's orders again and again, each time those that changed. Some are told more than once. */
export class OrderReader {
  readonly #database: Pick<ShopDatabase, "changedSince">;
  readonly #lane: Lane;
  #sinceMs = 0;

  constructor(database: Pick<ShopDatabase, "changedSince">, lane: Lane) {
    this.#database = database;
    this.#lane = lane;
  }

  async changes(): Promise<OrderLine[]> {
    const orders = await this.#database.changedSince(this.#lane, this.#sinceMs);
    const last = orders.at(-1);
    if (last !== undefined) this.#sinceMs = last.changedAtMs - overlapMs;
    return orders.map((order) => lineOf(this.#lane, order));
  }
}

function lineOf(lane: Lane, { id, amount, currency, status, provider }: ChangedOrder): OrderLine {
  return { orderId: id, lane, amount, currency, status: status === "paying" ? "pending" : status, provider };
}

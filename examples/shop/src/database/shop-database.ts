import type { SqlPort } from "@outrigger/ledger";
import type { Lane } from "../audit/order-book.ts";
import type { Order, OrderRow, Payment } from "../shop/order.ts";

export const databaseKinds = ["postgres", "mariadb", "sqlite"] as const;
export type DatabaseKind = (typeof databaseKinds)[number];

/** Where the shop's database is. Plain data, so that it reaches the shop's own process. */
export interface DatabaseAddress {
  readonly kind: DatabaseKind;
  /** `postgres://...`, `mysql://...`, or for SQLite the folder of the files. */
  readonly url: string;
}

/** The ledger's own tables: a schema of this name, or tables whose names begin with it. */
export const ledgerSchema = "outrigger_shop_ledger";

/** Connections of each lane, where the database has more than one. */
export const connectionsPerLane = 10;

/** How long a bare checkout waits for a connection, in milliseconds. */
export const bareWaitMs = 5_000;

/**
 * What the shop needs of a database. Beside this file stands one for each: what its users would write.
 *
 * `Tx` is what the ledger's transactions hand to the statements of a payment.
 */
export interface ShopDatabase<Tx = unknown> {
  /** The ledger's way into the database that holds the protected lane's orders. */
  readonly sql: SqlPort<Tx>;
  readonly orders: Orders<Tx>;
  readonly bare: BareLane;
  /** Makes the shop's tables; where an earlier run has left some, anew. */
  createTables(): Promise<void>;
  /** A lane's orders that changed at or after an instant of the database's clock, the oldest change first. */
  changedSince(lane: Lane, sinceMs: number): Promise<readonly ChangedOrder[]>;
  close(): Promise<void>;
}

/** The protected lane's orders. */
export interface Orders<Tx> {
  find(id: string): Promise<OrderRow | undefined>;
  /** The customer no longer wants it. Nothing happens to an order that is not being paid. */
  withdraw(id: string): Promise<void>;
  readonly use: Usage;

  /** The order as the payment begins: stored by the first one, `paying` again by a later one. @returns whether it was free for it. */
  begin(tx: Tx, payment: Payment): Promise<boolean> | boolean;
  /** @returns whether the order was still waiting for this payment. */
  paid(tx: Tx, payment: Payment, provider: string): Promise<boolean> | boolean;
  /** Nothing of this payment stands. It may have stood: what was paid can be taken back. */
  unpaid(tx: Tx, payment: Payment, reason: string): Promise<void> | void;
}

/** The bare lane's transaction, open for as long as its work takes. */
export interface BareLane {
  /** Commits what `work` did, or rolls it back when it throws. */
  transaction<T>(work: (orders: BareOrders) => Promise<T>): Promise<T>;
  readonly use: Usage;
}

export interface BareOrders {
  find(id: string): Promise<OrderRow | undefined>;
  store(order: Order): Promise<void>;
  paid(id: string, provider: string): Promise<void>;
}

/** Who has a connection, and who waits for one. */
export interface Usage {
  readonly connections: number;
  readonly inUse: number;
  readonly waiting: number;
}

/** What the audit needs of an order. */
export interface ChangedOrder extends Pick<OrderRow, "id" | "amount" | "currency" | "status" | "provider"> {
  readonly changedAtMs: number;
}

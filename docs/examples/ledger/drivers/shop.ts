import type { Operation, ProviderDefinition } from "@outrigger/ledger";

export interface Order {
  readonly id: string;
  readonly amount: number;
}

export interface Charge {
  readonly chargeId: string;
}

/** The provider's functions (call, inquire, cancel, capabilities), which know nothing of the database. */
export type Payments = ProviderDefinition<Order, Charge>;
export type Pay<Tx> = Operation<Order, Charge, Tx>;

export const ordersTable = "create table orders (id text primary key, status text not null)";

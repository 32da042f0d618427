import { createLedger, createReconciliation, fromPgPool, type RemoteItem } from "@outrigger/ledger";
import pg from "pg";
import { type Order, orders, type Payment, paymentsThrough } from "../../../ledger/test/support/payments.ts";

// What a user gives to --app: the ledger with its operations, and the reconciliations.
const pool = new pg.Pool({ connectionString: process.env["APP_DATABASE"], max: 2 });
export const ledger = createLedger({ sql: fromPgPool(pool) });
const pay = ledger.operation<Order, Payment>("pay.manual", {
  providers: { a: paymentsThrough(() => "http://127.0.0.1:1") },
  ...orders,
});

const of = (rows: readonly RemoteItem[], dayMs = 0) =>
  createReconciliation<Order, Payment>(ledger, {
    name: `bank${rows.length}_${dayMs}`,
    operation: pay,
    local: (order) => ({ amount: order.amount, currency: "EUR" }),
    result: ({ id }) => ({ charge: id }),
    from: "2026-01-01",
    youngFor: "0ms",
    async *remote() {
      await new Promise((resolve) => setTimeout(resolve, dayMs));
      yield rows;
    },
  });

const stranger: RemoteItem = {
  key: "nobody's",
  id: "ch_1",
  atMs: Date.parse("2026-01-02T12:00:00Z"),
  status: "succeeded",
  amount: "12.50",
  currency: "EUR",
};

export const reconciliations = { bank: of([stranger]), calm: of([]), slow: of([], 300) };
export const close = (): Promise<void> => pool.end();
// A timer of the app must not keep the command from ending.
setInterval(() => {}, 1_000_000);

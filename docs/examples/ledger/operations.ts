import {
  createReconciliation,
  type Ledger,
  listPages,
  type Operation,
  type Reconciliation,
  type RemoteRow,
} from "@outrigger/ledger";

interface Order {
  readonly id: string;
  readonly amount: string;
}

interface Charge {
  readonly chargeId: string;
}

/** Stands for a provider's client, whose calls the other pages show. */
const provider = {
  charge: async (order: Order, _key: string): Promise<Charge> => ({ chargeId: `ch_${order.id}` }),
  find: async (_key: string): Promise<Charge | undefined> => undefined,
};

export function defineOperations(ledger: Ledger): Operation<Order, Charge> {
  return ledger.operation<Order, Charge>("checkout.pay", {
    // #region amount
    amount: (order) => ({ value: order.amount, currency: "EUR" }), // what it moves; stored nowhere, asked by alarms
    // #endregion
    prepare: (tx, order) => tx.query("insert into orders (id, status) values ($1, 'paying')", [order.id]),
    call: (order, { key }) => provider.charge(order, key),
    async inquire(_order, { key }) {
      const charge = await provider.find(key);
      return charge === undefined ? { status: "notFound" } : { status: "found", result: charge };
    },
    commit: (tx, order) => tx.query("update orders set status = 'paid' where id = $1", [order.id]),
    abandon: (tx, order) => tx.query("update orders set status = 'unpaid' where id = $1", [order.id]),
    accept: "detect-only",
  });
}

export function paymentsReconciliation(ledger: Ledger, pay: Operation<Order, Charge>): Reconciliation {
  return createReconciliation<Order, Charge>(ledger, {
    name: "payments",
    operation: pay,
    remote: () =>
      listPages<RemoteRow>(
        async () => ({ items: [], next: undefined }),
        (row) => row,
      ),
    local: (order) => ({ amount: order.amount, currency: "EUR" }),
    result: (row) => ({ chargeId: row.id }),
    from: "2026-11-01",
  });
}

import type { HttpIntegration } from "@outrigger/http";
import type { Ledger, Operation } from "@outrigger/ledger";

interface Order {
  readonly id: string;
  readonly amount: number;
}

interface Charge {
  readonly chargeId: string;
}

export function defineByStatement(
  ledger: Ledger,
  payments: HttpIntegration<"charge" | "cancel">,
): Operation<Order, Charge> {
  return ledger.operation<Order, Charge>("checkout.pay", {
    call: async ({ id, amount }, { key }) =>
      (await payments.request("charge", { json: { orderId: id, amount, currency: "KRW" }, key })).json(),
    cancel: ({ id }, { key }) => payments.request("cancel", { json: { key, orderId: id } }),
    capabilities: { idempotencyKey: { window: "15d" }, cancel: { blocksLateOriginal: true } },
    // #region statements
    prepare: {
      statement: ({ id }) => ({
        text: "insert into orders (id, status) values ($1, 'paying')",
        values: [id],
      }),
    },
    commit: {
      // Fails, by dividing by zero, where no order waits for its payment: then the charge is cancelled.
      statement: ({ id }) => ({
        text: `with paid as (
            update orders set status = 'paid' where id = $1 and status = 'paying' returning id
          )
          select 1 / count(*) from paid`,
        values: [id],
      }),
    },
    abandon: {
      statement: ({ id }) => ({ text: "update orders set status = 'void' where id = $1", values: [id] }),
    },
    // #endregion
    // #region many
    many: {
      prepare: {
        statement: (orders) => ({
          text: "insert into orders (id, status) select id, 'paying' from unnest($1::text[]) as m (id)",
          values: [orders.map(({ id }) => id)],
        }),
      },
      commit: {
        // Fails when one of them does not wait for its payment.
        statement: (items) => ({
          text: `with paid as (
              update orders set status = 'paid' where id = any($1::text[]) and status = 'paying' returning id
            )
            select 1 / (count(*) = cardinality($1::text[]))::integer from paid`,
          values: [items.map(({ input }) => input.id)],
        }),
      },
    },
    // #endregion
  });
}

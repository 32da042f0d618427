import type { PgTx } from "@outrigger/ledger";
import type { Order, Payment } from "../payments.ts";
import type { Orders, ShopDatabase } from "./database.ts";
import { connect, postgres } from "./postgres.ts";

const said = {
  prepare: {
    statement: ({ id }: Order) => ({
      text: "insert into orders (id, status) values ($1, 'pending')",
      values: [id],
    }),
  },
  commit: {
    // It fails, with a division by zero, where no order waits for a payment.
    statement: ({ id }: Order, _: Payment, { provider }: { readonly provider: string }) => ({
      text: `with paid as (
          update orders set status = 'paid', note = $2 where id = $1 and status = 'pending' returning id
        )
        select 1 / count(*) from paid`,
      values: [id, provider],
    }),
  },
  abandon: {
    statement: ({ id }: Order, { code }: { readonly code: string }) => ({
      text: "update orders set status = 'void', note = $2 where id = $1 and status in ('pending', 'paid')",
      values: [id, code],
    }),
  },
};

/** PostgreSQL, with every business write said as a statement. */
export async function postgresByStatement(name: string): Promise<ShopDatabase<PgTx>> {
  return { ...(await postgres(name)), module: import.meta.url, orders };
}

// What a definition takes; nobody calls them.
export const orders = said as unknown as Orders<PgTx>;
export { connect };

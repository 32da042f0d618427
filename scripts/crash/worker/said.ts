import type { BusinessStatement, WriteByStatement } from "@outrigger/ledger";
import type { Order } from "./payments.ts";

/*
 * The shop's side as statements, which are the same on every database. As with its functions none of them asks what stands
 * there.
 */

type Rejects = (order: string) => boolean;
type Items = readonly { readonly input: Order }[];

interface Said {
  readonly prepare: WriteByStatement<[Order]>;
  readonly commit: WriteByStatement<[Order, ...unknown[]]>;
  readonly abandon: WriteByStatement<[Order, ...unknown[]]>;
}

interface ManySaid {
  readonly prepare: WriteByStatement<[readonly Order[]]>;
  readonly commit: WriteByStatement<[Items]>;
}

/** @param rejects - Whether the outcome of an order cannot be taken. */
export function writesSaid(rejects: Rejects): Said {
  return {
    prepare: { statement: ({ id }) => begin([id]) },
    commit: { statement: ({ id }) => paid([id], rejects) },
    abandon: { statement: ({ id }) => end([id], "void") },
  };
}

/** The same of several at once. */
export function manyWritesSaid(rejects: Rejects): ManySaid {
  return {
    prepare: { statement: (inputs) => begin(inputs.map(({ id }) => id)) },
    commit: {
      statement: (items) =>
        paid(
          items.map(({ input }) => input.id),
          rejects,
        ),
    },
  };
}

function paid(orders: readonly string[], rejects: Rejects): BusinessStatement {
  if (orders.some(rejects)) throw new Error("sold out");
  return end(orders, "paid");
}

function begin(orders: readonly string[]): BusinessStatement {
  const rows = orders.map((_, index) => `($${index + 1}, 'pending')`);
  return { text: `insert into orders (id, status) values ${rows.join(", ")}`, values: orders };
}

function end(orders: readonly string[], status: string): BusinessStatement {
  const places = orders.map((_, index) => `$${index + 2}`);
  return {
    text: `update orders set status = $1 where id in (${places.join(", ")})`,
    values: [status, ...orders],
  };
}

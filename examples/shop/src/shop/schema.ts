import type { Pool } from "pg";

/** Everything the example stores lives in this schema, which is made anew at each start. */
export const shopSchema = "outrigger_shop";
export const ledgerSchema = "outrigger_shop_ledger";

/**
 * Two tables of the same shape, one per lane.
 *
 * `status` is `paying` from the moment the order is stored until its payment is settled; `withdrawn` says that the
 * customer no longer wants it, whatever the provider does.
 */
const ordersTable = (name: string): string => `
  create table ${name} (
    id          text primary key,
    amount      bigint not null check (amount > 0),
    currency    text not null,
    method      text not null,
    status      text not null check (status in ('paying', 'paid', 'unpaid')),
    attempt     integer not null default 1,
    withdrawn   boolean not null default false,
    provider    text,
    reason      text,
    updated_at  timestamptz not null default clock_timestamp()
  );
  create index on ${name} (updated_at);`;

export async function createShopSchema(pool: Pool): Promise<void> {
  await pool.query(`
    drop schema if exists ${ledgerSchema} cascade;
    drop schema if exists ${shopSchema} cascade;
    create schema ${shopSchema};
    set search_path = ${shopSchema};
    ${ordersTable("orders")}
    ${ordersTable("bare_orders")}
    reset search_path;`);
}

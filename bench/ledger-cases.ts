import { createLedger, fromPgPool, type PgTx } from "@outrigger/ledger";
import pg from "pg";

/** One way of making an operation durable, its call, and its outcome durable: with a business row each time. */
export interface Side {
  readonly name: string;
  /** One whole operation. Resolves when its outcome is durable. */
  one(): Promise<void>;
  close(): Promise<void>;
}

/** Connections of each side; more callers than that share them. */
const connections = 16;

function makePool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  pool.on("error", () => {});
  return pool;
}

/** The provider answers at once: what is measured is what is written. */
const call = async (): Promise<{ readonly charge: string }> => ({ charge: "ch_1" });

let made = 0;
const nextKey = (): string => {
  made += 1;
  return `${process.pid}-${made}`;
};

const orders =
  "create table if not exists orders (id text primary key, status text not null, amount integer)";
const floorTable = `create table if not exists floor_operation (id text primary key, state text not null,
  request text not null, result text, created_at timestamptz not null default now())`;

/** What anybody would write: two transactions of two statements, one after the other. */
export async function twoCommits(url: string): Promise<Side> {
  const pool = makePool(url);
  await pool.query(`${orders}; ${floorTable}`);
  const transaction = async (statements: readonly [string, unknown[]][]): Promise<void> => {
    const client = await pool.connect();
    try {
      await client.query("begin");
      for (const [text, values] of statements) await client.query(text, values);
      await client.query("commit");
    } finally {
      client.release();
    }
  };
  return {
    name: "floor: two commits",
    async one() {
      const key = nextKey();
      const request = JSON.stringify({ id: key, amount: 1000 });
      await transaction([
        ["insert into floor_operation (id, state, request) values ($1, 'SENDING', $2)", [key, request]],
        ["insert into orders (id, status, amount) values ($1, 'paying', $2)", [key, 1000]],
      ]);
      const result = JSON.stringify(await call());
      await transaction([
        ["update floor_operation set state = 'DONE', result = $2 where id = $1", [key, result]],
        ["update orders set status = 'paid' where id = $1", [key]],
      ]);
    },
    close: () => pool.end(),
  };
}

/** The same with everybody's rows in one statement and one commit, and nothing that a ledger is for. */
export async function gathered(url: string): Promise<Side> {
  const pool = makePool(url);
  await pool.query(`${orders}; ${floorTable}`);
  const intents = gatherer<readonly [string, string]>(async (batch) => {
    await pool.query(
      `with o as (
         insert into floor_operation (id, state, request)
         select id, 'SENDING', request from unnest($1::text[], $2::text[]) as m (id, request)
       )
       insert into orders (id, status, amount) select id, 'paying', 1000 from unnest($1::text[]) as m (id)`,
      [batch.map(([id]) => id), batch.map(([, request]) => request)],
    );
  });
  const outcomes = gatherer<readonly [string, string]>(async (batch) => {
    await pool.query(
      `with o as (
         update floor_operation as f set state = 'DONE', result = m.result
         from unnest($1::text[], $2::text[]) as m (id, result) where f.id = m.id
       )
       update orders as b set status = 'paid' from unnest($1::text[]) as m (id) where b.id = m.id`,
      [batch.map(([id]) => id), batch.map(([, result]) => result)],
    );
  });
  return {
    name: "floor: gathered",
    async one() {
      const key = nextKey();
      await intents([key, JSON.stringify({ id: key, amount: 1000 })]);
      await outcomes([key, JSON.stringify(await call())]);
    },
    close: () => pool.end(),
  };
}

/** Two batches at a time, of all who came meanwhile. */
function gatherer<T>(work: (batch: readonly T[]) => Promise<void>): (item: T) => Promise<void> {
  let waiting: {
    readonly item: T;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  let underWay = 0;
  const flush = async (): Promise<void> => {
    if (underWay >= 2 || waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    underWay += 1;
    try {
      await work(batch.map(({ item }) => item));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    underWay -= 1;
    void flush();
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      queueMicrotask(() => void flush());
    });
}

export interface Order {
  readonly id: string;
  readonly amount: number;
}

export const business = {
  prepare: (tx: PgTx, order: Order) =>
    tx.query("insert into orders (id, status, amount) values ($1, 'paying', $2)", [order.id, order.amount]),
  commit: (tx: PgTx, order: Order) => tx.query("update orders set status = 'paid' where id = $1", [order.id]),
  abandon: (tx: PgTx, order: Order) =>
    tx.query("update orders set status = 'void' where id = $1", [order.id]),
};

/** The same writes, said beforehand. */
const said = {
  prepare: {
    statement: (order: Order) => ({
      text: "insert into orders (id, status, amount) values ($1, 'paying', $2)",
      values: [order.id, order.amount],
    }),
  },
  commit: {
    statement: (order: Order) => ({
      text: "update orders set status = 'paid' where id = $1",
      values: [order.id],
    }),
  },
};

const saidOfMany = {
  prepare: {
    statement: (list: readonly Order[]) => ({
      text: `insert into orders (id, status, amount)
        select id, 'paying', amount from unnest($1::text[], $2::integer[]) as m (id, amount)`,
      values: [list.map(({ id }) => id), list.map(({ amount }) => amount)],
    }),
  },
  commit: {
    statement: (items: readonly { readonly input: Order }[]) => ({
      text: "update orders set status = 'paid' where id = any($1::text[])",
      values: [items.map(({ input }) => input.id)],
    }),
  },
};

export const many = {
  prepare: (tx: PgTx, list: readonly Order[]) => {
    const { text, values } = saidOfMany.prepare.statement(list);
    return tx.query(text, values);
  },
  commit: (tx: PgTx, items: readonly { readonly input: Order }[]) => {
    const { text, values } = saidOfMany.commit.statement(items);
    return tx.query(text, values);
  },
};

/** How the business rows are written: by a function, or by a statement; for one order, or for many at once as well. */
export type How = "singly" | "together" | "functions, singly" | "functions, together";

const writes: Readonly<Record<How, object>> = {
  singly: said,
  together: { ...said, many: saidOfMany },
  "functions, singly": {},
  "functions, together": { many },
};

export async function outrigger(
  url: string,
  how: How,
  /** Run for each of its tables. */
  perTable?: string,
): Promise<Side> {
  const pool = makePool(url);
  await pool.query(orders);
  const ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  for (const table of perTable === undefined ? [] : ["operation", "operation_event", "operation_archive"]) {
    await pool.query(perTable?.replace("%s", `outrigger.${table}`) ?? "");
    // With the statistics of an empty table, which is the worst to plan by.
    await pool.query(`analyze outrigger.${table}`);
  }
  const pay = ledger.operation<Order, { readonly charge: string }>("pay", {
    ...business,
    ...writes[how],
    call,
    inquire: async () => ({ status: "notFound" }),
    cancel: async () => {},
    capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
  });
  return {
    name: `outrigger, ${how}`,
    async one() {
      const key = nextKey();
      const outcome = await pay.run({ id: key, amount: 1000 }, { key });
      if (outcome.status !== "committed") throw new Error(`ended as ${outcome.status}`);
    },
    async close() {
      await ledger.stop();
      await pool.end();
    },
  };
}

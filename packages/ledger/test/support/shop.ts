import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import {
  createLedger,
  dueStates,
  fromPgPool,
  type Ledger,
  type LedgerEvent,
  type LedgerOptions,
  type ManyProvidersDefinition,
  type Operation,
  type PgTx,
  type UnknownPolicy,
} from "@outrigger/ledger";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Order, orders, ordersTable, type Payment, paymentsThrough } from "./payments.ts";
import { TestProvider } from "./provider.ts";

/** One process's share of the shop: its own pool, ledger and operation. */
export interface Node {
  readonly ledger: Ledger;
  readonly pay: Operation<Order, Payment>;
  readonly pool: pg.Pool;
  readonly events: readonly LedgerEvent[];
  /** Ends its connections as the end of its process would; what still runs in it never gets anywhere. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface NodeOptions extends Partial<LedgerOptions<PgTx>> {
  readonly unknown?: UnknownPolicy;
  readonly definition?: Partial<ManyProvidersDefinition<PgTx, Order, Payment>>;
  readonly database?: string;
  /** pg's own bound on each of its queries. */
  readonly queryTimeoutMs?: number;
  /** The operation's name: nodes resolve only what they define. @defaultValue "pay" */
  readonly operation?: string;
}

/** A lease for tests that wait for its end. Everything else has the usual one, however slow the machine is. */
export const shortLease = "400ms";

/** A policy quick enough for tests. */
export const quick = {
  pollEvery: "20ms",
  unknown: { notFoundAfter: "0ms", retryFirst: "10ms", retryMax: "40ms" },
} as const;

export class Shop {
  readonly a: TestProvider = new TestProvider();
  readonly b: TestProvider = new TestProvider();
  database: Database | undefined;
  pool: pg.Pool = new pg.Pool();
  readonly #nodes = new Set<Node>();
  #made = 0;

  get url(): string {
    return this.database?.url ?? "";
  }

  async open(server: DatabaseServer, name: string): Promise<void> {
    this.database = await createDatabase(server.url, name);
    this.pool = new pg.Pool({ connectionString: this.url, max: 3 });
    this.pool.on("error", () => {});
    await this.pool.query(ordersTable);
    await Promise.all([this.a.start(), this.b.start()]);
    await this.node().ledger.migrate();
  }

  async close(): Promise<void> {
    await this.closeNodes();
    await Promise.all([this.a.stop(), this.b.stop(), this.pool.end()]);
    await this.database?.drop();
  }

  async closeNodes(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.close()));
  }

  node(options: NodeOptions = {}): Node {
    const {
      unknown = quick.unknown,
      definition = {},
      database = this.url,
      operation = "pay",
      queryTimeoutMs,
      ...rest
    } = options;
    const name = `node_${process.pid}_${++this.#made}`;
    const pool = new pg.Pool({
      connectionString: database,
      max: 2,
      application_name: name,
      ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
    });
    pool.on("error", () => {});
    const events: LedgerEvent[] = [];
    const ledger = createLedger({
      sql: fromPgPool(pool),
      pollEvery: quick.pollEvery,
      drain: "2s",
      onEvent: (event) => events.push(event),
      ...rest,
    });
    const pay = ledger.operation<Order, Payment>(operation, {
      providers: { a: paymentsThrough(() => this.a.url), b: paymentsThrough(() => this.b.url) },
      ...orders,
      unknown,
      ...definition,
    });
    const node: Node = {
      ledger,
      pay,
      pool,
      events,
      close: async () => {
        if (!this.#nodes.delete(node)) return;
        await ledger.stop();
        await pool.end();
      },
      crash: async () => {
        this.#nodes.delete(node);
        // Not awaited: both wait for what will never come back.
        void ledger.stop();
        void pool.end();
        await this.pool.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
          [name],
        );
      },
    };
    this.#nodes.add(node);
    return node;
  }

  /** What a judge sees who knows nothing of the ledger. */
  async status(order: string): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ status: string }>("select status from orders where id = $1", [
      order,
    ]);
    return rows[0]?.status;
  }

  /** Resolves when the ledger has nothing under way. */
  async settled(node: Node, withinMs = 15_000): Promise<void> {
    const until = performance.now() + withinMs;
    for (;;) {
      const { states } = await node.ledger.snapshot();
      if (dueStates.every((state) => states[state] === 0)) return;
      if (performance.now() > until) throw new Error(`still under way: ${JSON.stringify(states)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** One database for a test file; providers and journals are shared, so every test uses keys of its own. */
export function useShop(name: string): Shop {
  const shop = new Shop();
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await databaseForTests();
    await shop.open(server, name);
  }, 60_000);
  beforeEach(() => {
    shop.a.mode = {};
    shop.b.mode = {};
  });
  afterEach(() => shop.closeNodes());
  afterAll(async () => {
    await shop.close();
    await server.stop();
  }, 60_000);
  return shop;
}

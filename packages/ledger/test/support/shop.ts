import {
  createLedger,
  dueStates,
  type Ledger,
  type LedgerEvent,
  type LedgerOptions,
  type ManyProvidersDefinition,
  type Operation,
  type PgTx,
  type UnknownPolicy,
} from "@outrigger/ledger";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { OpenDatabase, ShopDatabase } from "./databases/database.ts";
import { type PostgresConnection, type PostgresShopDatabase, postgres } from "./databases/postgres.ts";
import { type Order, type Payment, paymentsThrough } from "./payments.ts";
import { TestProvider } from "./provider.ts";

/** One process's share of the shop: its own connections, ledger and operation. */
export interface AnyNode<Tx = unknown> {
  readonly ledger: Ledger<Tx>;
  readonly pay: Operation<Order, Payment, Tx>;
  readonly events: readonly LedgerEvent[];
  /** Ends its connections as the end of its process would; what still runs in it never gets anywhere. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** A node on PostgreSQL. */
export interface Node extends AnyNode<PgTx> {
  readonly pool: pg.Pool;
}

export interface NodeOptions<Tx = PgTx> extends Partial<LedgerOptions<Tx>> {
  readonly unknown?: UnknownPolicy;
  readonly definition?: Partial<ManyProvidersDefinition<Tx, Order, Payment>>;
  /** @defaultValue the shop's own */
  readonly database?: string;
  /** The driver's own bound on each of its queries. */
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

/** A shop on any database. What is special to one stands behind `database`. */
export class AnyShop<Tx = unknown, Database extends ShopDatabase<Tx> = ShopDatabase<Tx>> {
  readonly a: TestProvider = new TestProvider();
  readonly b: TestProvider = new TestProvider();
  readonly #open: (name: string) => Promise<Database>;
  readonly #nodes = new Set<AnyNode<Tx>>();
  #database: Database | undefined;
  #made = 0;

  constructor(open: (name: string) => Promise<Database>) {
    this.#open = open;
  }

  get database(): Database {
    if (this.#database === undefined) throw new Error("the shop is not open yet");
    return this.#database;
  }

  get url(): string {
    return this.database.url;
  }

  async open(name: string): Promise<void> {
    this.#database = await this.#open(name);
    await Promise.all([this.a.start(), this.b.start()]);
    await this.node().ledger.migrate();
  }

  async close(): Promise<void> {
    await this.closeNodes();
    await Promise.all([this.a.stop(), this.b.stop()]);
    await this.#database?.drop();
  }

  async closeNodes(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.close()));
  }

  node(options: NodeOptions<Tx> = {}): AnyNode<Tx> {
    const {
      unknown = quick.unknown,
      definition = {},
      database: url = this.url,
      operation = "pay",
      queryTimeoutMs,
      ...rest
    } = options;
    const name = `node_${process.pid}_${++this.#made}`;
    const connection = this.database.connect({ name, url, queryTimeoutMs });
    const events: LedgerEvent[] = [];
    const ledger = createLedger({
      sql: connection.sql,
      pollEvery: quick.pollEvery,
      drain: "2s",
      onEvent: (event) => events.push(event),
      ...rest,
    });
    const pay = ledger.operation<Order, Payment>(operation, {
      providers: { a: paymentsThrough(() => this.a.url), b: paymentsThrough(() => this.b.url) },
      ...this.database.orders,
      unknown,
      ...definition,
    });
    const node: AnyNode<Tx> = {
      ...connection,
      ledger,
      pay,
      events,
      close: async () => {
        if (!this.#nodes.delete(node)) return;
        await ledger.stop();
        await connection.close();
      },
      crash: async () => {
        this.#nodes.delete(node);
        // Not awaited: it waits for what will never come back.
        void ledger.stop();
        await connection.kill();
      },
    };
    this.#nodes.add(node);
    return node;
  }

  /** What a judge sees who knows nothing of the ledger. */
  async status(order: string): Promise<string | undefined> {
    const [row] = await this.database.query(`select status from orders where id = '${order}'`);
    return row?.["status"] as string | undefined;
  }

  /** Resolves when the ledger has nothing under way. */
  async settled(node: AnyNode<Tx>, withinMs = 15_000): Promise<void> {
    const until = performance.now() + withinMs;
    for (;;) {
      const { states } = await node.ledger.snapshot();
      if (dueStates.every((state) => states[state] === 0)) return;
      if (performance.now() > until) throw new Error(`still under way: ${JSON.stringify(states)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A shop for tests of what is PostgreSQL's own. */
export class Shop extends AnyShop<PgTx, PostgresShopDatabase> {
  get pool(): pg.Pool {
    return this.database.pool;
  }

  /** The connection's pool comes along. */
  override node(options: NodeOptions = {}): Node {
    return super.node(options) as Node & PostgresConnection;
  }
}

/** One database for a test file; providers and journals are shared, so every test uses keys of its own. */
function used<S extends AnyShop<never> | AnyShop | Shop>(shop: S, name: string): S {
  beforeAll(() => shop.open(name), 60_000);
  beforeEach(() => {
    shop.a.mode = {};
    shop.b.mode = {};
  });
  afterEach(() => shop.closeNodes());
  afterAll(() => shop.close(), 60_000);
  return shop;
}

/** A shop on PostgreSQL. */
export function useShop(name: string): Shop {
  return used(new Shop(postgres), name);
}

let open: OpenDatabase<unknown> = postgres;

/** Says where the shops of {@link useAnyShop} are from here on. Each test file begins with PostgreSQL. */
export function useDatabase<Tx>(other: OpenDatabase<Tx>): void {
  open = other;
}

/** A shop for tests of what holds on every database. */
export function useAnyShop(name: string): AnyShop {
  return used(new AnyShop(open), name);
}

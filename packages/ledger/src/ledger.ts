import { show } from "@outrigger/core";
import { checkedDefinition } from "./operation/checked-definition.ts";
import type {
  ManyProvidersDefinition,
  OperationDefinition,
  SingleProviderDefinition,
} from "./operation/definition.ts";
import { checkedKey } from "./operation/key.ts";
import type { Operation, Outcome } from "./operation/operation.ts";
import { checkedOptions, type LedgerOptions } from "./options.ts";
import type { AnyDefinition, Engine } from "./run/engine.ts";
import { retry } from "./run/operator-retry.ts";
import { Resolver } from "./run/resolver.ts";
import { run } from "./run/run.ts";
import { type OpenState, openStates, type SettledState, settledStates } from "./state/transitions.ts";
import { migrate } from "./store/migrations.ts";
import type { PgTx } from "./store/pg.ts";
import { type OperationRecord, recordOf } from "./store/record.ts";
import { bounded } from "./store/sql-port.ts";
import { type OperationRow, Store } from "./store/store.ts";

export interface LedgerSnapshot {
  /** Operations that are not settled. */
  readonly states: Readonly<Record<OpenState, number>>;
  /** How long the oldest of them has been where it is; null when there is none. What lasts beyond a lease is news. */
  readonly oldestOpenMs: number | null;
  /** Resolutions that run in this process. */
  readonly resolving: number;
}

/** Operations on an external service that end in agreement with the local database. */
export interface Ledger<Tx = PgTx> {
  /** Brings the ledger's tables up to date; safe from many processes at once. @returns the version reached. */
  migrate(): Promise<number>;
  /**
   * Defines an operation. Every process that resolves it needs the same definition.
   *
   * @throws TypeError or RangeError that names the option, the value and the fix.
   */
  operation<I, R>(name: string, definition: SingleProviderDefinition<Tx, I, R>): Operation<I, R>;
  operation<I, R>(name: string, definition: ManyProvidersDefinition<Tx, I, R>): Operation<I, R>;
  /** Starts resolving in this process. Starting twice does nothing. */
  start(): void;
  /** Stops claiming, waits for running resolutions up to `drain`, and gives back the leases of the rest. */
  stop(): Promise<void>;
  /** One operation with its history, by id or by key. */
  find(
    which: string | { readonly operation: string; readonly key: string },
  ): Promise<OperationRecord | undefined>;
  /**
   * Puts an operation that is MANUAL, UNKNOWN or CANCELLING back to work now; a worker that has it loses it. What is
   * to be cancelled is cancelled, and what is not known is asked for, with at least five tries before a person is
   * told again.
   *
   * @throws TypeError without a reason, which goes into the history; Failure `NOT_RETRYABLE` with `effect: "none"`
   * when there is no such operation, or it is being sent or settled.
   */
  retry(id: string, options: { readonly reason: string }): Promise<OperationRecord>;
  /** What is open. Reads open operations only, so that it may be polled however many are settled. */
  snapshot(): Promise<LedgerSnapshot>;
  /** How many operations have been settled. Reads the whole table: for a report, not for polling. */
  totals(): Promise<Readonly<Record<SettledState, number>>>;
  /** Every operation with its history, in pages, ordered by id. Plain JSON. */
  export(): AsyncIterableIterator<OperationRecord>;
}

const pageSize = 500;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function createLedger<Tx>(options: LedgerOptions<Tx>): Ledger<Tx> {
  const { sql, schema, clock, random, emit, step, leaseMs, statementMs, ...resolving } =
    checkedOptions(options);
  const bounds = { clock, statementMs, transactionMs: leaseMs };
  const store = new Store(bounded(sql, bounds), schema, clock);
  const definitions = new Map<string, AnyDefinition<Tx>>();
  const engine: Engine<Tx> = { store, clock, random, emit, step, kick: () => resolver.kick() };
  const resolver = new Resolver(engine, definitions, { ...resolving, leaseMs });

  const findById = async (id: string): Promise<OperationRow | undefined> =>
    uuid.test(id) ? await store.find(id) : undefined;
  const withHistory = async (row: OperationRow): Promise<OperationRecord> =>
    recordOf(row, (await store.history([row.id])).get(row.id) ?? []);

  return {
    migrate: () => migrate(sql, schema),
    operation<I, R>(name: string, definition: OperationDefinition<Tx, I, R>): Operation<I, R> {
      const checked = checkedDefinition(name, definition, leaseMs) as unknown as AnyDefinition<Tx>;
      if (definitions.has(name))
        throw new TypeError(`operation ${show(name)} is already defined in this ledger`);
      definitions.set(name, checked);
      return {
        name,
        guarantee: checked.guarantee,
        run: (input, options) => run(engine, checked, input, options) as Promise<Outcome<R>>,
      };
    },
    start: () => resolver.start(),
    stop: () => resolver.stop(),
    async find(which) {
      const row =
        typeof which === "string"
          ? await findById(which)
          : await store.findByKey(which.operation, checkedKey(which.key));
      return row === undefined ? undefined : await withHistory(row);
    },
    retry: async (id, options) => await withHistory(await retry(engine, () => findById(id), options)),
    async snapshot() {
      const open = await store.open();
      return {
        states: countsOf(
          openStates,
          open.map(({ state, count }) => [state, count]),
        ),
        oldestOpenMs: open.length === 0 ? null : Math.max(...open.map(({ oldestMs }) => oldestMs)),
        resolving: resolver.active,
      };
    },
    totals: async () => countsOf(settledStates, await store.settled()),
    async *export() {
      let last: string | undefined;
      for (;;) {
        const rows = await store.page(last, pageSize);
        const histories = await store.history(rows.map(({ id }) => id));
        for (const row of rows) yield recordOf(row, histories.get(row.id) ?? []);
        if (rows.length < pageSize) return;
        last = rows.at(-1)?.id;
      }
    },
  };
}

/** Every state with its count; 0 for those of which there is none. */
function countsOf<State extends string>(
  states: readonly State[],
  counts: readonly (readonly [State, number])[],
): Readonly<Record<State, number>> {
  const found = new Map(counts);
  return Object.fromEntries(states.map((state) => [state, found.get(state) ?? 0])) as Record<State, number>;
}

import { assertKnownKeys, type Duration, durationMs, show } from "@outrigger/core";
import { type BarrierOptions, barrier, type Passed } from "./barrier/barrier.ts";
import type { PgTx } from "./drivers/pg.ts";
import { hasCode, ledgerFailureCodes } from "./failure.ts";
import { type ListOptions, list, type OperationPage } from "./list/list.ts";
import { checkedDefinition } from "./operation/checked-definition.ts";
import type {
  AcceptsNothingLess,
  ManyProvidersDefinition,
  OperationDefinition,
  SingleProviderDefinition,
} from "./operation/definition.ts";
import { explain } from "./operation/explain.ts";
import type { ConsistentLevel, Guarantee, GuaranteeLevel } from "./operation/guarantee.ts";
import { checkedKey } from "./operation/key.ts";
import type { Operation, Outcome } from "./operation/operation.ts";
import { checkedOptions, type LedgerOptions } from "./options.ts";
import { outboxDesk } from "./outbox/desk.ts";
import type { OutboxOptions } from "./outbox/options.ts";
import type { Outbox, Outboxes } from "./outbox/outbox.ts";
import type { OpenLanes } from "./outbox/outbox-store.ts";
import type { AnyDefinition, Engine } from "./run/engine.ts";
import { withInternals } from "./run/internals.ts";
import { Listener } from "./run/listener.ts";
import { observationOf, observe } from "./run/observe.ts";
import { type ByPerson, cancelOnRequest, resolveByPerson, retry } from "./run/operator.ts";
import { Resolver } from "./run/resolver.ts";
import { Retention, type Tidied } from "./run/retention.ts";
import { enqueue, run } from "./run/run.ts";
import { alwaysMyTurn } from "./run/turn.ts";
import { Waker } from "./run/waker.ts";
import type { SagaDefinition } from "./saga/definition.ts";
import { type SagaSnapshot, sagaDesk } from "./saga/desk.ts";
import type { Saga, Sagas } from "./saga/saga.ts";
import { type OpenState, openStates, type SettledState, settledStates } from "./state/transitions.ts";
import { dialects } from "./store/dialects.ts";
import type { StoredOperation } from "./store/operation-row.ts";
import { type OperationRecord, recordOf } from "./store/record.ts";
import { bounded } from "./store/sql-port.ts";
import { Store } from "./store/store.ts";

export interface LedgerSnapshot {
  /** Operations that are not settled. */
  readonly states: Readonly<Record<OpenState, number>>;
  /** How long the oldest of them has been where it is; null when there is none. What lasts beyond a lease is news. */
  readonly oldestOpenMs: number | null;
  /** Resolutions that run in this process. */
  readonly resolving: number;
  /** Sagas that have not ended, by name and version; of a version without any its definition may go. */
  readonly sagas: readonly SagaSnapshot[];
  /** Outboxes with messages that are not delivered, and how many of their keys wait for a person. */
  readonly outboxes: readonly OpenLanes[];
}

/** Operations on an external service that end in agreement with the local database. */
export interface Ledger<Tx = PgTx> {
  /**
   * Brings the ledger's tables up to date; safe from many processes at once. `timeout` (1 m) bounds the wait for another
   * process that does it, and for locks.
   *
   * @returns the version reached.
   * @throws Failure `MIGRATION_TIMEOUT` with nothing changed.
   */
  migrate(options?: { readonly timeout?: Duration }): Promise<number>;
  /**
   * Defines an operation. Every process that resolves it needs the same definition.
   *
   * @throws TypeError or RangeError that names the option, the value and the fix.
   */
  operation<I, R>(
    name: string,
    definition: SingleProviderDefinition<Tx, I, R> & AcceptsNothingLess,
  ): Operation<I, R, Tx, ConsistentLevel>;
  operation<I, R>(
    name: string,
    definition: ManyProvidersDefinition<Tx, I, R> & AcceptsNothingLess,
  ): Operation<I, R, Tx, ConsistentLevel>;
  operation<I, R>(name: string, definition: SingleProviderDefinition<Tx, I, R>): Operation<I, R, Tx>;
  operation<I, R>(name: string, definition: ManyProvidersDefinition<Tx, I, R>): Operation<I, R, Tx>;
  /**
   * Defines a saga of operations that are defined in this ledger. Versions live side by side: each that is open anywhere
   * needs a process that has its definition.
   *
   * @throws TypeError or RangeError that names the option, the value and the fix.
   */
  saga<I, R>(name: string, definition: SagaDefinition<I, R>): Saga<I, R, Tx>;
  /** Sagas of any name and version, also where they are not defined. */
  readonly sagas: Sagas;
  /**
   * Defines an outbox: messages that are committed with the business data, and delivered at least once, in order per key.
   *
   * @throws TypeError or RangeError that names the option, the value and the fix.
   */
  outbox<P>(name: string, options: OutboxOptions<P>): Outbox<P, Tx>;
  /** Outboxes of any name, also where they are not defined. */
  readonly outboxes: Outboxes;
  /**
   * For a service of one's own that others call with try, confirm and cancel: runs `work` in `tx` exactly when it is to be
   * run. A repeated request, a cancel of what never came, and a try that comes after its cancel run nothing.
   *
   * @throws Failure `BARRIER_ORDER` with `effect: "none"` for a confirm of what was never tried, and for a cancel of what is
   * confirmed; TypeError when `tx` is a pool, or a connection outside of a transaction; and whatever `work` throws.
   */
  barrier<T>(tx: Tx, options: BarrierOptions, work: () => Promise<T> | T): Promise<Passed<T>>;
  /** Starts resolving in this process. Starting twice does nothing. */
  start(): void;
  /** Stops claiming, waits for running resolutions up to `drain`, and gives back the leases of the rest. */
  stop(): Promise<void>;
  /** One operation with its history, by id or by key; also one that was moved out of the way. */
  find(which: Which, options?: FindOptions): Promise<OperationRecord | undefined>;
  /**
   * A page of operations without their histories, the oldest first; also those that were moved out of the way. What is
   * open is found quickly however many are settled.
   */
  list(options?: ListOptions): Promise<OperationPage>;
  /**
   * Asks for an operation to be undone. What was not sent never will be; what is being sent or unknown is undone as soon
   * as that is safe; what the provider cannot undo is committed all the same when it is found. What is committed is undone
   * too where its provider has a cancel, and there is no way back from that. The business row is voided by `abandon`, which
   * then follows `commit`. Asking twice does nothing.
   *
   * @throws Failure `NOT_CANCELLABLE` with `effect: "none"` when it is committed and its provider has no cancel, or is
   * not defined in this process, or there is no such operation; TypeError without a reason and a name, which go into the
   * history.
   */
  cancel(which: Which, options: ByPerson): Promise<OperationRecord>;
  /**
   * Puts an operation that is MANUAL, UNKNOWN or CANCELLING back to work now; a worker that has it loses it. What is
   * to be cancelled is cancelled, and what is not known is asked for, with all the patience of a new one before a
   * person is told again.
   *
   * @throws TypeError without a reason, which goes into the history; Failure `NOT_RETRYABLE` with `effect: "none"`
   * when there is no such operation, or it is being sent or settled.
   */
  retry(which: Which, options: { readonly reason: string; readonly by?: string }): Promise<OperationRecord>;
  /**
   * A person's word on how an operation in MANUAL has ended, with the business row in the same commit. `result` is what
   * `commit` gets, where the ledger knows none.
   *
   * @throws Failure `NOT_RESOLVABLE` with `effect: "none"` and nothing changed; TypeError or RangeError for options.
   */
  resolve(
    which: Which,
    options: ByPerson & { readonly as: "committed" | "abandoned"; readonly result?: unknown },
  ): Promise<OperationRecord>;
  /** Moves ended operations out of the way now; `start` does it in the background. For a schedule of one's own. */
  tidy(): Promise<Tidied>;
  /** What is open. Reads open operations only, so that it may be polled however many are settled. */
  snapshot(): Promise<LedgerSnapshot>;
  /** Of the ledger's tables: what `migrate` has brought them to, 0 where there are none, and what this release expects. */
  version(): Promise<{ readonly applied: number; readonly expected: number }>;
  /** How many operations have been settled. Reads the whole table: for a report, not for polling. */
  totals(): Promise<Readonly<Record<SettledState, number>>>;
  /** Every operation with its history, in pages, ordered by id. Plain JSON. */
  export(): AsyncIterableIterator<OperationRecord>;
}

export interface FindOptions {
  /** Whether the record has the request too, which may hold what not everybody should read. @defaultValue false */
  readonly request?: boolean;
}

/** An operation's id, or its name and key. */
export type Which = string | { readonly operation: string; readonly key: string };

const defaultMigrateTimeout = "1m";
const pageSize = 500;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function createLedger<Tx>(options: LedgerOptions<Tx>): Ledger<Tx> {
  const settings = checkedOptions(options);
  const { sql, schema, clock, random, emit, step, leaseMs, statementMs, wakeUp } = settings;
  const bounds = { clock, statementMs, transactionMs: leaseMs };
  const dialect = dialects[sql.dialect];
  const store = new Store(bounded(sql, bounds), dialect, schema, clock);
  const definitions = new Map<string, AnyDefinition<Tx>>();
  const definitionOf = (name: string): AnyDefinition<Tx> | undefined => definitions.get(name);
  const channel = `outrigger_${schema}`;
  const waker = new Waker(store, channel, clock);
  const engine: Engine<Tx> = {
    store,
    clock,
    random,
    emit(event) {
      emit(event);
      desk?.listen(event);
    },
    step,
    turn: alwaysMyTurn,
    kick: () => resolver.kick(),
    wake() {
      if (resolver.hasRoom) resolver.kick();
      else if (wakeUp) waker.now();
    },
    wakeAtCommit: async (query) => (wakeUp ? await waker.atCommit(query) : undefined),
  };
  const resolver = new Resolver(engine, definitions, settings);
  const retention = new Retention(store, settings.retention, clock, emit, (batch, forgetAfterMs) =>
    alsoTidied(batch, forgetAfterMs),
  );
  const desk = sagaDesk(engine, schema, definitionOf, settings);
  const lanes = outboxDesk(engine, schema, settings);
  const barriers = dialect.barrier?.(schema);
  const heard = (): void => {
    resolver.kick();
    desk?.heard();
    lanes?.heard();
  };
  const listener = new Listener({ sql, channel, clock, random, emit, heard });
  /** What the parts beside the operations keep no longer. */
  const alsoTidied = async (batch: number, forgetAfterMs: number | undefined): Promise<void> => {
    await lanes?.tidy(batch);
    if (forgetAfterMs === undefined) return;
    while (((await desk?.forget(forgetAfterMs, batch)) ?? 0) === batch);
    while (
      barriers !== undefined &&
      (await store.send(store.sql.query, barriers.forget, [forgetAfterMs, batch])).length === batch
    );
  };
  const there = <T>(what: string, part: T | undefined): T => {
    if (part === undefined) throw new TypeError(`the ledger has no ${what} on ${sql.dialect} yet`);
    return part;
  };

  const finder =
    (which: Which): (() => Promise<StoredOperation | undefined>) =>
    async () =>
      typeof which === "string"
        ? uuid.test(which)
          ? await store.find(which)
          : undefined
        : await store.findByKey(which.operation, checkedKey(which.key));
  const withHistory = async (row: StoredOperation): Promise<OperationRecord> =>
    recordOf(row, (await store.history([row.id])).get(row.id) ?? []);

  const ledger: Ledger<Tx> = {
    async migrate(given = {}) {
      assertKnownKeys("migrate options", given, ["timeout"]);
      const timeoutMs = durationMs("migrate.timeout", given.timeout ?? defaultMigrateTimeout);
      return await dialect.migrate(sql, schema, { clock, timeoutMs });
    },
    operation<I, R, Level extends GuaranteeLevel>(
      name: string,
      definition: OperationDefinition<Tx, I, R>,
    ): Operation<I, R, Tx, Level> {
      const checked = checkedDefinition(name, definition, leaseMs) as unknown as AnyDefinition<Tx>;
      if (definitions.has(name))
        throw new TypeError(`operation ${show(name)} is already defined in this ledger`);
      definitions.set(name, checked);
      return handleOf<Tx, I, R, Level>(engine, checked);
    },
    saga: (name, definition) => there("sagas", desk).define(name, definition),
    get sagas() {
      return there("sagas", desk).sagas;
    },
    outbox: (name, given) => there("outboxes", lanes).define(name, given),
    get outboxes() {
      return there("outboxes", lanes).outboxes;
    },
    barrier: (tx, given, work) => barrier(store, there("barriers", barriers), tx, given, work),
    start() {
      resolver.start();
      desk?.start();
      lanes?.start();
      retention.start();
      if (wakeUp) listener.start();
    },
    async stop() {
      await listener.stop();
      await Promise.all([resolver.stop(), retention.stop(), desk?.stop(), lanes?.stop()]);
    },
    async find(which, given = {}) {
      assertKnownKeys("find options", given, ["request"]);
      const row = await finder(which)();
      if (row === undefined) return undefined;
      const record = await withHistory(row);
      return given.request === true ? { ...record, request: JSON.parse(row.request) as unknown } : record;
    },
    list: (given = {}) => list(store, given),
    cancel: async (which, given) =>
      await withHistory(await cancelOnRequest(engine, definitionOf, finder(which), given)),
    retry: async (which, given) => await withHistory(await retry(engine, finder(which), given)),
    resolve: async (which, given) =>
      await withHistory(await resolveByPerson(engine, definitionOf, finder(which), given)),
    tidy: () => retention.tidy(),
    async snapshot() {
      const open = await store.open();
      return {
        states: countsOf(
          openStates,
          open.map(({ state, count }) => [state, count]),
        ),
        oldestOpenMs: open.length === 0 ? null : Math.max(...open.map(({ oldestMs }) => oldestMs)),
        resolving: resolver.active,
        sagas: (await desk?.snapshot()) ?? [],
        outboxes: (await lanes?.snapshot()) ?? [],
      };
    },
    async version() {
      const applied = await store.version().catch((error: unknown) => {
        if (hasCode(error, ledgerFailureCodes.notMigrated)) return 0;
        throw error;
      });
      return { applied, expected: dialect.latestVersion };
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
  return withInternals(ledger, { engine, schema, definitions });
}

/** What a user holds of one operation. */
function handleOf<Tx, I, R, Level extends GuaranteeLevel>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
): Operation<I, R, Tx, Level> {
  const { name, guarantee } = definition;
  return {
    name,
    // A definition that promises less than it accepts was refused.
    guarantee: guarantee as Guarantee<Level>,
    run: (input, options) => run(engine, definition, input, options) as Promise<Outcome<R>>,
    enqueue: (input, options) => enqueue(engine, definition, input, options) as Promise<Outcome<R>>,
    async observe(key, learnt, options) {
      assertKnownKeys("observe options", options, ["by", "provider"]);
      const find = (): Promise<StoredOperation | undefined> => engine.store.findByKey(name, checkedKey(key));
      return await observe(engine, definition, find, observationOf(definition, learnt, options));
    },
    explain: () => explain(definition),
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

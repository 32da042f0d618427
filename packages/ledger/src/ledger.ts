import {
  assertKnownKeys,
  type Clock,
  type Duration,
  durationMs,
  integerIn,
  type Random,
  show,
  systemClock,
  systemRandom,
} from "@outrigger/core";
import type { LedgerEvent } from "./events.ts";
import { checkedDefinition, leaseRange } from "./operation/checked-definition.ts";
import type {
  ManyProvidersDefinition,
  OperationDefinition,
  SingleProviderDefinition,
} from "./operation/definition.ts";
import { type Operation, operation } from "./operation/operation.ts";
import { checkedKey } from "./operation/request.ts";
import type { AnyDefinition, Engine, StepName } from "./run/engine.ts";
import { Resolver } from "./run/resolver.ts";
import { type OperationState, operationStates } from "./state/transitions.ts";
import { migrate, schemaName } from "./store/migrations.ts";
import type { PgTx } from "./store/pg.ts";
import { type OperationRecord, recordOf } from "./store/record.ts";
import type { SqlPort } from "./store/sql-port.ts";
import { Store } from "./store/store.ts";

export interface LedgerOptions<Tx> {
  /** The database that also holds the business rows. */
  readonly sql: SqlPort<Tx>;
  /** The schema of the ledger's own tables: a-z, 0-9 and _. @defaultValue "outrigger" */
  readonly schema?: string;
  /** How long a worker may keep an operation to itself; a call ends before it. @defaultValue "15s" */
  readonly lease?: Duration;
  /** How often to look for work that other processes left. @defaultValue "250ms" */
  readonly pollEvery?: Duration;
  /** Resolutions at a time in this process. Range: integer >= 1. @defaultValue 8 */
  readonly concurrency?: number;
  /** How long `stop` waits for running resolutions. @defaultValue "10s" */
  readonly drain?: Duration;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Hears what happens. What it throws is dropped. */
  readonly onEvent?: (event: LedgerEvent) => void;
  /** Called between writes and calls, so that a crash test can stop there. For tests. */
  readonly onStep?: (name: StepName) => void | Promise<void>;
}

export const ledgerDefaults: Required<
  Pick<LedgerOptions<unknown>, "schema" | "lease" | "pollEvery" | "concurrency" | "drain">
> = {
  schema: "outrigger",
  lease: "15s",
  pollEvery: "250ms",
  concurrency: 8,
  drain: "10s",
};

export interface LedgerSnapshot {
  readonly states: Readonly<Record<OperationState, number>>;
  /** Age of the oldest operation that is UNKNOWN, CANCELLING or MANUAL; null when there is none. */
  readonly oldestUnsettledMs: number | null;
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
  snapshot(): Promise<LedgerSnapshot>;
  /** Every operation with its history, in pages, ordered by id. Plain JSON. */
  export(): AsyncIterableIterator<OperationRecord>;
}

/** States whose oldest age is worth an alarm. */
const unsettled: ReadonlySet<OperationState> = new Set(["UNKNOWN", "CANCELLING", "MANUAL"]);
const pageSize = 500;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function createLedger<Tx>(options: LedgerOptions<Tx>): Ledger<Tx> {
  assertKnownKeys("ledger", options, [
    "sql",
    ...Object.keys(ledgerDefaults),
    "clock",
    "random",
    "onEvent",
    "onStep",
  ]);
  const { sql, clock = systemClock, random = systemRandom, onEvent, onStep } = options;
  if (typeof sql?.transaction !== "function" || typeof sql.query !== "function") {
    throw new TypeError(`ledger.sql must be a SqlPort, such as fromPgPool(pool); got ${show(sql)}`);
  }
  const schema = schemaName("ledger.schema", options.schema ?? ledgerDefaults.schema);
  const leaseMs = durationMs("ledger.lease", options.lease ?? ledgerDefaults.lease, leaseRange);
  const store = new Store(sql, schema, clock);
  const definitions = new Map<string, AnyDefinition<Tx>>();
  const engine: Engine<Tx> = {
    store,
    clock,
    random,
    emit: isolated(onEvent),
    step: onStep ?? (() => {}),
    kick: () => resolver.kick(),
  };
  const resolver = new Resolver(engine, definitions, {
    concurrency: integerIn("ledger.concurrency", options.concurrency ?? ledgerDefaults.concurrency, 1),
    pollEveryMs: durationMs("ledger.pollEvery", options.pollEvery ?? ledgerDefaults.pollEvery),
    drainMs: durationMs("ledger.drain", options.drain ?? ledgerDefaults.drain, { minMs: 0 }),
    leaseMs,
  });

  return {
    migrate: () => migrate(sql, schema),
    operation<I, R>(name: string, definition: OperationDefinition<Tx, I, R>): Operation<I, R> {
      const checked = checkedDefinition(name, definition, leaseMs) as unknown as AnyDefinition<Tx>;
      if (definitions.has(name))
        throw new TypeError(`operation ${show(name)} is already defined in this ledger`);
      definitions.set(name, checked);
      return operation<Tx, I, R>(engine, checked);
    },
    start: () => resolver.start(),
    stop: () => resolver.stop(),
    async find(which) {
      const row =
        typeof which === "string"
          ? uuid.test(which)
            ? await store.find(which)
            : undefined
          : await store.findByKey(which.operation, checkedKey(which.key));
      if (row === undefined) return undefined;
      return recordOf(row, (await store.history([row.id])).get(row.id) ?? []);
    },
    async snapshot() {
      const counts = await store.counts();
      const ages = counts.filter(({ state }) => unsettled.has(state)).map(({ oldestMs }) => oldestMs);
      const zero = Object.fromEntries(operationStates.map((state) => [state, 0]));
      return {
        states: {
          ...zero,
          ...Object.fromEntries(counts.map(({ state, count }) => [state, count])),
        } as Record<OperationState, number>,
        oldestUnsettledMs: ages.length === 0 ? null : Math.max(...ages),
        resolving: resolver.active,
      };
    },
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

function isolated(listener: ((event: LedgerEvent) => void) | undefined): (event: LedgerEvent) => void {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // An observer never changes what it observes.
    }
  };
}

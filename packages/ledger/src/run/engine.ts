import type { Clock, Random } from "@outrigger/core";
import type { LedgerEvent } from "../events.ts";
import type { CheckedDefinition, CheckedProvider } from "../operation/checked-definition.ts";
import type { OperationRow } from "../store/operation-row.ts";
import type { SqlQuery } from "../store/sql-port.ts";
import type { Store } from "../store/store.ts";
import type { Turn } from "./turn.ts";

/** The places at which a crash test can stop a worker: around every commit and every call. */
export type StepName =
  | `${"intent" | "outcome" | "failover" | "unknown" | "cancelIntent" | "resend" | "manual"}.${"beforeCommit" | "afterCommit"}`
  | `${"call" | "inquiry" | "cancel"}.${"before" | "after"}`
  | `${"saga" | "sagaStep"}.${"beforeCommit" | "afterCommit"}`
  | "saga.claimed"
  | `delivery.${"before" | "after"}`
  | "resolve.claimed";

/** What the parts of a ledger share. */
export interface Engine<Tx> {
  readonly store: Store<Tx>;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: LedgerEvent) => void;
  readonly step: (name: StepName) => void | Promise<void>;
  /** Held while a provider is called, and while an operation has a transaction of its own. */
  readonly turn: Turn;
  /** Tells this process's resolver that there is work at once. */
  readonly kick: () => void;
  /** Tells a resolver that there is work: this process's, or else the others'. */
  readonly wake: () => void;
  /** The same for work that is there once the transaction commits. */
  readonly wakeAtCommit: (query: SqlQuery) => Promise<void>;
}

// Rows of any operation meet any definition here; the types of input and result live in the user's code.
export type AnyDefinition<Tx> = CheckedDefinition<Tx, unknown, unknown>;

/** An operation in this worker's hands, as long as the fence in the database is still `row.fence`. */
export interface Held {
  readonly row: OperationRow;
  /** Local monotonic instant at which others may take it; errs to the early side. */
  readonly leaseEndsAtMs: number;
  /** False when another worker has taken it; `row` then says what became of it, as far as it could be read. */
  readonly mine: boolean;
}

/** The part of a lease kept free at its end, so that a call ends, and is written down, before others may act. */
export function marginMs(leaseMs: number): number {
  return Math.min(1_000, leaseMs / 10);
}

export function currentProvider<Tx>(
  definition: AnyDefinition<Tx>,
  row: OperationRow,
): CheckedProvider<unknown, unknown> | undefined {
  return definition.providers.get(row.provider);
}

/** Waits on the ledger's clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(ms, resolve);
  });
}

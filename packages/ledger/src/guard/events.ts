import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { OutboundCall } from "./options.ts";

/** Something left for another service while a transaction was open in the same async context. */
export interface CallInTransaction {
  readonly type: "callInTransaction";
  readonly call: OutboundCall;
  /** The user's lines that made it, the nearest first. */
  readonly calledAt: readonly string[];
  readonly transaction: {
    /** What it is a transaction of: "pg", "Kysely", "operation checkout.pay: commit". */
    readonly of: string;
    /** The user's lines that began it; empty where the ledger did. */
    readonly begunAt: readonly string[];
    readonly openForMs: number;
  };
  /** Calls of this place since it was last reported, this one included. */
  readonly count: number;
  /** Whether it was kept from leaving, or its transaction from being committed. */
  readonly failed: boolean;
}

/** More places than are reported one by one. */
export interface ReportsDropped {
  readonly type: "reportsDropped";
  readonly count: number;
}

export type GuardEvent = CallInTransaction | ReportsDropped;

/** What a report says, in one paragraph for people. */
export function textOf({
  call,
  calledAt,
  transaction,
}: Omit<CallInTransaction, "type" | "count" | "failed">): string {
  const { of, begunAt, openForMs } = transaction;
  const begun = begunAt.length > 0 ? `, which was begun at ${begunAt[0]}` : "";
  return (
    `${nameOf(call)} was called at ${calledAt[0] ?? "an unknown place"}, in a transaction (${of})${begun} and had been ` +
    `open for ${Math.round(openForMs)} ms. A connection of the pool is held for as long as the answer takes, and a ` +
    "rollback does not undo the call: make it before or after the transaction, or let an operation of the ledger make it"
  );
}

function nameOf({ kind, method, peer, service, operation }: OutboundCall): string {
  if (kind === "integration") return `${service}.${operation} (${peer})`;
  if (kind === "socket") return `a new connection to ${peer}`;
  return `${method ?? "a request to"} ${peer}`;
}

export function callInTransaction(text: string): Failure {
  return new Failure(text, {
    code: ledgerFailureCodes.callInTransaction,
    effect: "none",
    kind: "rejected",
    transient: false,
  });
}

/** What hears a guard that nobody listens to. */
export function warnOf(event: GuardEvent): void {
  const text =
    event.type === "reportsDropped"
      ? `${event.count} more calls were made in transactions, from more places than are reported`
      : `${textOf(event)}${event.count > 1 ? ` (${event.count} calls since the last report)` : ""}`;
  process.emitWarning(text, { type: "OutriggerWarning", code: ledgerFailureCodes.callInTransaction });
}

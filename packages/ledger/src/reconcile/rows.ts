import { assertKnownKeys, assertObject, oneOf, show } from "@outrigger/core";
import { exactJson } from "../operation/exact-json.ts";
import type { OperationState } from "../state/transitions.ts";
import { exactAmount } from "./amount.ts";

/** What a provider says of one effect: it stands, it was refused, or it stood and was undone. */
export type RemoteStatus = "succeeded" | "refused" | "cancelled";

/** One effect as the provider has it. */
export interface RemoteRow {
  /** The key that the operation was sent with. */
  readonly key: string;
  /** The provider's own id of it: two rows with the same key and different ids are two effects. */
  readonly id: string;
  /** The provider's time of it, in milliseconds since 1970. */
  readonly atMs: number;
  readonly status: RemoteStatus;
  /** In the same unit as the local one. */
  readonly amount: string | number | bigint;
  /** ISO 4217. Left out, amounts are compared as they are. */
  readonly currency?: string | undefined;
  /** What else the row says, as JSON; it stands in a finding, and `result` may read it. */
  readonly details?: unknown;
}

/** A row that has been checked: its amount is written in the one way. */
export interface CheckedRemote extends RemoteRow {
  readonly amount: string;
}

/** A line of a file, or an item of a list, that could not be read. */
export interface BrokenLine {
  readonly line: number;
  readonly problem: string;
}

export type RemoteItem = RemoteRow | BrokenLine;

/** What the provider has, in batches of any size and in any order. */
export type RemoteRows = AsyncIterable<readonly RemoteItem[]>;

/** An operation of the ledger. */
export interface LocalRow {
  /** The key that the provider was sent. */
  readonly key: string;
  /** The ledger's own. */
  readonly ledgerKey: string;
  /** When it was created, in milliseconds since 1970. */
  readonly atMs: number;
  readonly state: OperationState;
  readonly amount: string;
  readonly currency: string | undefined;
}

/** A span of time: `fromAtMs <= at < toAtMs`, in milliseconds since 1970. */
export interface TimeRange {
  readonly fromAtMs: number;
  readonly toAtMs: number;
}

export const isBroken = (item: RemoteItem): item is BrokenLine => "problem" in item;

const remoteStatuses: readonly RemoteStatus[] = ["succeeded", "refused", "cancelled"];
const rowKeys: readonly (keyof RemoteRow)[] = [
  "key",
  "id",
  "atMs",
  "status",
  "amount",
  "currency",
  "details",
];
/** The last instant that a date can name. */
const latestMs = 8.64e15;

/** @throws TypeError or RangeError that says what is wrong with it. */
export function checkedRemote(row: unknown): CheckedRemote {
  assertObject("row", row);
  assertKnownKeys("row", row, rowKeys);
  const { key, id, atMs, status, amount, currency, details } = row;
  storable("row.key", key);
  storable("row.id", id);
  if (typeof atMs !== "number" || !(Math.abs(atMs) <= latestMs)) {
    throw new RangeError(
      `row.atMs must be milliseconds since 1970, such as Date.parse(...) gives; got ${show(atMs)}`,
    );
  }
  oneOf("row.status", status, remoteStatuses);
  if (currency !== undefined && typeof currency !== "string") {
    throw new TypeError(`row.currency must be three letters such as "EUR"; got ${show(currency)}`);
  }
  if (details !== undefined) exactJson("row.details", details);
  return {
    key,
    id,
    atMs,
    status: status as RemoteStatus,
    amount: exactAmount("row.amount", amount, currency),
    currency,
    ...(details !== undefined && { details }),
  };
}

const longestText = 255;

function storable(path: string, value: unknown): asserts value is string {
  if (typeof value !== "string" || value === "" || value.length > longestText) {
    throw new RangeError(`${path} must be 1 to ${longestText} characters; got ${show(value)}`);
  }
  if (!value.isWellFormed() || value.includes("\0")) {
    throw new RangeError(
      `${path} ${show(value)} has a NUL or half a character in it, which no database stores`,
    );
  }
}

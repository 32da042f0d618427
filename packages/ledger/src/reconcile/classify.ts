import type { OperationState } from "../state/transitions.ts";
import type { Pair } from "./merge.ts";
import type { CheckedRemote, LocalRow, TimeRange } from "./rows.ts";

/** What is reported, each a disagreement. */
export const findingClasses = [
  "amountMismatch",
  "statusMismatch",
  "orphanRemote",
  "doneWithoutRemote",
  "remoteWithoutDone",
  "duplicate",
  "brokenLine",
] as const;
export type FindingClass = (typeof findingClasses)[number];

/** What is counted only. */
export const quietClasses = ["matched", "absent", "open", "young"] as const;
export type QuietClass = (typeof quietClasses)[number];

export type ItemClass = FindingClass | QuietClass;

export interface Classified {
  readonly class: Exclude<ItemClass, "brokenLine">;
  readonly key: string;
  /** By which it belongs to a day: the provider's time where there is one. */
  readonly atMs: number;
  /** The row that counts. */
  readonly remote: CheckedRemote | undefined;
  /** All of them, where there are several. */
  readonly all: readonly CheckedRemote[];
  readonly local: LocalRow | undefined;
}

export interface ClassifyBounds {
  /** The day. Rows around it are read to find partners, and belong to another one. */
  readonly range: TimeRange;
  /** What is younger may still be on its way. */
  readonly youngFromAtMs: number;
}

/**
 * What a key's rows say together. A pair belongs to the day of the provider's time, and what has no partner to that of
 * its own, so that each is counted once however far the days overlap.
 *
 * @returns undefined for what belongs to another day.
 */
export function classify(pair: Pair, { range, youngFromAtMs }: ClassifyBounds): Classified | undefined {
  const { key, remote: all, local } = pair;
  const [only] = all;
  // Nearly every key has one row, and a million of them are looked at.
  const single = all.length === 1 && only !== undefined;
  const succeeded = single && only.status === "succeeded" ? all : all.filter(isSuccess);
  const remote = single ? only : (latest(succeeded) ?? latest(all));
  const atMs = remote?.atMs ?? local?.atMs;
  if (atMs === undefined || atMs < range.fromAtMs || atMs >= range.toAtMs) return undefined;
  const about = { key, atMs, remote, all, local };
  if (atMs >= youngFromAtMs) return { class: "young", ...about };
  if (succeeded.length > 1) return { class: "duplicate", ...about };
  return { class: classOf(remote, local), ...about };
}

const isSuccess = ({ status }: CheckedRemote): boolean => status === "succeeded";

/** The first of those with the latest time, so that the order in which they were read makes no difference to the day. */
function latest(rows: readonly CheckedRemote[]): CheckedRemote | undefined {
  return rows.reduce<CheckedRemote | undefined>(
    (best, row) => (best === undefined || row.atMs > best.atMs ? row : best),
    undefined,
  );
}

/** What the ledger itself is still at, by state. */
const ended: Readonly<Record<OperationState, "effect" | "none" | "open">> = {
  READY: "open",
  SENDING: "open",
  UNKNOWN: "open",
  CANCELLING: "open",
  MANUAL: "open",
  DONE: "effect",
  FAILED: "none",
  CANCELLED: "none",
};

function classOf(remote: CheckedRemote | undefined, local: LocalRow | undefined): Classified["class"] {
  if (local === undefined) return "orphanRemote";
  const here = ended[local.state];
  if (remote === undefined)
    return here === "effect" ? "doneWithoutRemote" : here === "none" ? "absent" : "open";
  if (remote.status !== "succeeded") return here === "none" ? "matched" : "statusMismatch";
  // Before the state: what is of another amount must not be completed, whatever it is.
  const sameCurrency =
    remote.currency === undefined || local.currency === undefined || remote.currency === local.currency;
  if (remote.amount !== local.amount || !sameCurrency) return "amountMismatch";
  return here === "effect" ? "matched" : "remoteWithoutDone";
}

import {
  assertKnownKeys,
  assertObject,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
  join,
  show,
} from "@outrigger/core";
import { leaseRange } from "../operation/checked-definition.ts";

/** A message as it is delivered: the same each time. */
export interface OutboxMessage<P> {
  readonly outbox: string;
  readonly key: string;
  /** The same for ever, so that whoever gets it twice can tell. */
  readonly id: string;
  /**
   * Grows with every message of the same key; not by one. Whoever gets one that is not greater than the last can drop it: a
   * process that was paused in the middle of a delivery may come after others.
   */
  readonly sequence: number;
  readonly payload: P;
  /** ISO 8601, UTC, by the database's clock. */
  readonly sentAt: string;
}

export interface DeliveryInfo {
  /** Aborts when nothing more may be sent: the deadline, or a shutdown. */
  readonly signal: AbortSignal;
  /** Counts the tries of this message since its last success or a person's word, this one included. */
  readonly tries: number;
  /** An instant on the ledger's clock, before the lease ends. */
  readonly deadlineAtMs: number;
}

export interface OutboxOptions<P> {
  /**
   * Delivers one message. Returning means that it arrived; whatever it throws, that nobody knows: then it is delivered again,
   * and the key's next ones wait. A `Failure` of kind `refused` parks the key at once.
   */
  deliver(message: OutboxMessage<P>, info: DeliveryInfo): Promise<unknown> | unknown;
  /** Keys at a time in this process. Range: integer >= 1. @defaultValue 8 */
  readonly concurrency?: number;
  /** How long one worker may have a key; a delivery ends before it. @defaultValue the ledger's lease */
  readonly lease?: Duration;
  /** Messages of one key in a row, before other keys get their turn. Range: integer >= 1. @defaultValue 50 */
  readonly burst?: number;
  /** The wait after a first failure; it doubles, with jitter. @defaultValue "500ms" */
  readonly retryFirst?: Duration;
  /** @defaultValue "30s" */
  readonly retryMax?: Duration;
  /** When a key that fails is parked for a person, at the earliest after five tries. @defaultValue "1h" */
  readonly parkAfter?: Duration;
  /** How long messages are kept after they were delivered or skipped. @defaultValue "7d" */
  readonly keep?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `concurrency` 8: fewer than the ten connections of a usual pool.
 * - `burst` 50: enough that reading ahead costs little, and a busy key holds others up for 50 deliveries at most.
 * - `retryFirst` 500 ms, `retryMax` 30 s: as for an unknown outcome; an outage's end is noticed within that time.
 * - `parkAfter` 1 h: most outages are over by then, and a person could not have done more before.
 * - `keep` 7 d: what people still ask about can be looked up, and the table stays bounded.
 */
export const outboxDefaults: Required<Omit<OutboxOptions<unknown>, "deliver" | "lease">> = {
  concurrency: 8,
  burst: 50,
  retryFirst: "500ms",
  retryMax: "30s",
  parkAfter: "1h",
  keep: "7d",
};

export interface OutboxSettings {
  readonly name: string;
  readonly deliver: OutboxOptions<unknown>["deliver"];
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly burst: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly parkAfterMs: number;
  readonly keepMs: number;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedOutbox<P>(
  name: string,
  options: OutboxOptions<P>,
  ledgerLeaseMs: number,
): OutboxSettings {
  if (typeof name !== "string" || !/^[A-Za-z0-9_-]{1,60}$/.test(name)) {
    throw new RangeError(`an outbox's name must be 1 to 60 letters, digits, "_" or "-"; got ${show(name)}`);
  }
  const path = `outbox ${show(name)}`;
  assertObject(path, options);
  assertKnownKeys(path, options, ["deliver", "lease", ...Object.keys(outboxDefaults)]);
  functionAt(join(path, "deliver"), options.deliver);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all = { ...outboxDefaults, ...given };
  return {
    name,
    deliver: (options as OutboxOptions<unknown>).deliver.bind(options),
    concurrency: integerIn(join(path, "concurrency"), all.concurrency, 1),
    leaseMs:
      options.lease === undefined
        ? ledgerLeaseMs
        : durationMs(join(path, "lease"), options.lease, leaseRange),
    burst: integerIn(join(path, "burst"), all.burst, 1, 10_000),
    retryFirstMs: durationMs(join(path, "retryFirst"), all.retryFirst),
    retryMaxMs: durationMs(join(path, "retryMax"), all.retryMax),
    parkAfterMs: durationMs(join(path, "parkAfter"), all.parkAfter),
    keepMs: durationMs(join(path, "keep"), all.keep, { minMs: 0 }),
  };
}

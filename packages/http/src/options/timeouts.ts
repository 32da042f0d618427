import { assertKnownKeys, type Duration, durationMs, join } from "@outrigger/core";
import { httpDefaults } from "./defaults.ts";

export interface OperationTimeouts {
  /**
   * Silence of the other side: until its answer begins, and between any two parts of it. A body goes out in one piece,
   * so one that takes longer than this to send ends the attempt as well.
   *
   * @defaultValue "10s"
   */
  readonly read?: Duration | undefined;
  /** One attempt from its wait for a connection to the end of the answer. @defaultValue no bound but `total` */
  readonly attempt?: Duration | undefined;
  /** The whole call: attempts and the waits between them. @defaultValue "30s" */
  readonly total?: Duration | undefined;
}

export interface Timeouts extends OperationTimeouts {
  /** Until a connection is made: DNS, TCP and TLS together. @defaultValue "3s" */
  readonly connect?: Duration | undefined;
}

export interface OperationTimeoutsMs {
  readonly readMs: number;
  readonly attempt: Duration | undefined;
  readonly total: Duration;
}

export interface TimeoutsMs extends OperationTimeoutsMs {
  readonly connectMs: number;
}

/** @throws RangeError for a wrong duration and for timeouts of which one could never fire. */
export function parseTimeouts(path: string, timeouts: Timeouts): TimeoutsMs {
  assertKnownKeys(path, timeouts, ["connect", "read", "attempt", "total"]);
  const connect = timeouts.connect ?? httpDefaults.timeout.connect;
  const connectMs = durationMs(join(path, "connect"), connect);
  const rest = parse(path, timeouts, timeouts);
  checkOrder(path, "connect", timeouts.connect, "total", rest.total);
  return { connectMs, ...rest };
}

/** The timeouts of one operation: its own where it has any, the integration's elsewhere. */
export function parseOperationTimeouts(
  path: string,
  own: OperationTimeouts,
  integration: OperationTimeouts,
): OperationTimeoutsMs {
  if ("connect" in own) {
    throw new TypeError(
      `${join(path, "connect")} is not an option: all operations share the connections of the pool`,
    );
  }
  assertKnownKeys(path, own, ["read", "attempt", "total"]);
  return parse(path, own, { ...integration, ...own });
}

function parse(path: string, own: OperationTimeouts, merged: OperationTimeouts): OperationTimeoutsMs {
  const total = merged.total ?? httpDefaults.timeout.total;
  durationMs(join(path, "total"), total);
  if (merged.attempt !== undefined) durationMs(join(path, "attempt"), merged.attempt);
  const read = merged.read ?? httpDefaults.timeout.read;
  const readMs = durationMs(join(path, "read"), read);
  // Only what was written can contradict: a default gives way to a shorter outer bound without a word.
  checkOrder(path, "attempt", own.attempt, "total", total);
  checkOrder(path, "read", own.read, "total", total);
  checkOrder(path, "read", own.read, "attempt", merged.attempt);
  return { readMs, attempt: merged.attempt, total };
}

function checkOrder(
  path: string,
  inner: string,
  innerValue: Duration | undefined,
  outer: string,
  outerValue: Duration | undefined,
): void {
  if (innerValue === undefined || outerValue === undefined) return;
  if (durationMs(join(path, inner), innerValue) <= durationMs(join(path, outer), outerValue)) return;
  throw new RangeError(
    `${join(path, inner)} (${innerValue}) is longer than ${join(path, outer)} (${outerValue}) and could never fire: ` +
      `shorten ${inner} or raise ${outer}`,
  );
}

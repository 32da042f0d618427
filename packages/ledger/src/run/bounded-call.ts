import { type Clock, coreFailureCodes, Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { LazySignal, type StopSignal } from "./stop-signal.ts";

export interface Bounds<T> {
  readonly clock: Clock;
  /** When the work is told to stop. */
  readonly deadlineAtMs: number;
  /** How long it then has to say what it reached, before it is left alone. */
  readonly graceMs: number;
  readonly signal: StopSignal | undefined;
  /** Hears of work that ended after nobody waited for it any more. */
  readonly onLate: (outcome: PromiseSettledResult<T>) => void;
}

/**
 * Runs a user's function so that it cannot hold a worker beyond its lease, also when it ignores its signal.
 *
 * @throws what `work` throws; or Failure `CALL_TIMEOUT` or `CALL_ABORTED` with `effect: "unknown"`, because
 * nothing is known of work that does not answer.
 */
export function boundedCall<T>(
  bounds: Bounds<T>,
  work: (stop: { readonly signal: AbortSignal }) => Promise<T> | T,
): Promise<T> {
  const { clock, signal } = bounds;
  const inner = new LazySignal();
  return new Promise<T>((resolve, reject) => {
    let left = false;
    let grace: { cancel(): void } | undefined;
    const stop = (failure: Failure): void => {
      if (inner.aborted) return;
      inner.abort(failure);
      grace = clock.setTimer(bounds.graceMs, () => {
        left = true;
        leave();
        reject(failure);
      });
    };
    const onAbort = (): void => stop(aborted(signal?.reason));
    const leftMs = bounds.deadlineAtMs - clock.now();
    const deadline = clock.setTimer(leftMs, () => stop(timedOut()));
    const leave = (): void => {
      deadline.cancel();
      grace?.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted === true) onAbort();
    // A process may have been stopped since it looked at its lease; a timer would tell only after the work has begun.
    if (leftMs <= 0) stop(timedOut());
    new Promise<T>((begun) => begun(work(inner))).finally(leave).then(
      (value) => {
        if (left) bounds.onLate({ status: "fulfilled", value });
        else resolve(value);
      },
      (reason: unknown) => {
        if (left) bounds.onLate({ status: "rejected", reason });
        else reject(reason);
      },
    );
  });
}

function aborted(cause: unknown): Failure {
  return new Failure("the caller went away while the provider was being called", {
    code: coreFailureCodes.callAborted,
    effect: "unknown",
    kind: "aborted",
    cause,
  });
}

function timedOut(): Failure {
  return new Failure("the provider did not answer before the end of the lease came near", {
    code: ledgerFailureCodes.callTimeout,
    effect: "unknown",
  });
}

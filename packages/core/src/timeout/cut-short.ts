import { type Call, invoke } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";

export interface Cut {
  /** When to stop waiting for the part. Range: > 0. */
  readonly afterMs: number;
  /** Makes what the caller is told when the time is up. Asked at most once. */
  expired(part: CallContext): Failure;
  /** The part failed by itself, in time. */
  failed?(error: unknown, part: CallContext): void;
  /** Work ended after the caller had been answered, and not because it was told to stop. */
  late(outcome: "success" | "failure", lateMs: number): void;
}

/**
 * Runs a part of a call and stops waiting for it when its time is up or the whole is aborted; the part is told
 * to stop, and the caller is answered at once whether it does or not.
 *
 * The timer and the listener are gone when the caller is answered. What the part does afterwards is reported
 * as late and is nobody's unhandled rejection.
 */
export function cutShort<I, O>(
  next: Call<I, O>,
  input: I,
  context: CallContext,
  part: CallContext,
  cut: Cut,
): Promise<O> {
  return new Promise<O>((resolve, reject) => {
    const { clock } = context;
    let answer: Failure | undefined;
    let answeredAtMs = 0;
    let forget: (() => void) | undefined;

    const leave = (failure: Failure): void => {
      answer = failure;
      answeredAtMs = clock.now();
      timer.cancel();
      forget?.();
      reject(failure);
      part.abort(failure);
      part.end();
      context.leaveRunning(work);
    };
    const timer = clock.setTimer(cut.afterMs, () => leave(cut.expired(part)));
    const work = invoke(next, input, part);
    // Listens only now, because the call may abort itself before it returns its promise.
    forget = context.onAbort(leave);
    work.then(
      (value) => {
        if (answer !== undefined) return cut.late("success", clock.now() - answeredAtMs);
        timer.cancel();
        forget?.();
        part.end();
        resolve(value);
      },
      (error: unknown) => {
        if (answer !== undefined) {
          if (!isObedience(error, answer)) cut.late("failure", clock.now() - answeredAtMs);
          return;
        }
        timer.cancel();
        forget?.();
        cut.failed?.(error, part);
        part.end();
        reject(error);
      },
    );
  });
}

/** Work that ends with the reason it was aborted for has done as it was told. */
export function isObedience(error: unknown, reason: Failure): boolean {
  return error === reason || (error instanceof Error && error.cause === reason);
}

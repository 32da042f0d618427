import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";
import type { Observer } from "../options/policy-options.ts";
import type { QueueSettings } from "./bulkhead-options.ts";
import type { Compartment, Permit } from "./compartment.ts";
import { leftWaiting } from "./left-waiting.ts";
import type { Rejections } from "./rejections.ts";

/** A slot after a wait. */
export interface Turn {
  readonly permit: Permit;
  /** Says that the call is about to be made: from here on its effect is open again. */
  begin(): void;
}

export interface WaitingRoom {
  readonly compartment: Compartment;
  readonly rejections: Rejections;
  readonly observer: Observer;
  /** Told of each caller that went away while it waited. */
  aborted(): void;
}

/**
 * Waits for a slot. However the wait ends, its timer, its listener and its place are gone at that moment.
 *
 * The slot is handed over by a promise of the waiter's own rather than by calling on from whoever gave it back:
 * so the call keeps its async context (its trace), and does not run on somebody else's stack.
 */
export function waitTurn(
  room: WaitingRoom,
  queue: QueueSettings,
  input: unknown,
  context: CallContext,
): Promise<Turn> {
  const { compartment, rejections } = room;
  const { clock, leftMs } = context;
  const sinceMs = clock.now();
  if (leftMs <= 0) return Promise.reject(rejections.deadlineExceeded(context));
  const forecastMs = isPlain(queue) ? compartment.forecastMs(sinceMs) : undefined;
  if (forecastMs !== undefined && forecastMs >= leftMs) {
    return Promise.reject(rejections.waitPastDeadline(forecastMs, leftMs, context));
  }
  // Asked before anything is held, because they are the user's functions.
  const level = queue.levelOf(input, context);
  const key = queue.keyOf(input, context);
  const waitMs = Math.min(queue.timeoutMs, leftMs);
  const late = (): Failure =>
    leftMs <= queue.timeoutMs
      ? rejections.deadlineExceeded(context)
      : rejections.timedOut(queue.timeoutMs, context);

  return new Promise((resolve, reject) => {
    // A part says `none` while it waits and takes that back by ending; what the call itself had recorded before,
    // of an earlier attempt for example, stays.
    const part = context.child();
    part.record("none");
    let over = false;
    let stop = (): void => {};
    const left = (outcome: string, nowMs: number): void => {
      over = true;
      stop();
      const { name, emit } = room.observer;
      const { operation } = context;
      emit?.({
        type: "queueLeft",
        name,
        operation,
        policy: "bulkhead",
        waitedMs: nowMs - sinceMs,
        outcome,
      });
    };
    const refuse = (failure: Failure, nowMs: number): void => {
      part.end();
      left(failure.code, nowMs);
      reject(failure);
    };
    const ticket = compartment.wait(
      {
        expiresAtMs: sinceMs + waitMs,
        granted(permit, nowMs) {
          left("admitted", nowMs);
          // The part stays until the call is made, a microtask from now: until then the effect is `none`.
          resolve({ permit, begin: () => part.end() });
        },
        dropped: (why, nowMs) =>
          refuse(why === "expired" ? late() : rejections.dropped(why, nowMs - sinceMs, context), nowMs),
      },
      sinceMs,
      level,
      key,
    );
    if (ticket === undefined) {
      part.end();
      reject(rejections.queueFull(context));
      return;
    }
    const timer = clock.setTimer(waitMs, () => {
      if (compartment.leave(ticket)) refuse(late(), clock.now());
    });
    const forget = context.onAbort((reason) => {
      if (!compartment.leave(ticket)) return;
      room.aborted();
      part.end();
      left("aborted", clock.now());
      reject(leftWaiting(reason));
    });
    stop = () => {
      timer.cancel();
      forget();
    };
    // A listener may have raised the limit, or aborted the call, while it was told of somebody else's end.
    if (over) stop();
  });
}

/** A forecast holds only where nobody is let in before those who came earlier. */
function isPlain({ order, levels, keyed }: QueueSettings): boolean {
  return order !== "lifo" && levels === 1 && !keyed;
}

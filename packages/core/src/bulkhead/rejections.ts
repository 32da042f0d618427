import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import { coreFailureCodes, Failure } from "../failure/failure.ts";
import type { Observer } from "../options/policy-options.ts";
import type { Compartment, DropReason } from "./compartment.ts";

/** Calls turned away since the start, by why. */
export interface RejectionCounts {
  readonly limitReached: number;
  readonly queueFull: number;
  readonly displaced: number;
  readonly timedOut: number;
  readonly overloaded: number;
  /** Those whose deadline would have passed in the queue, and those whose did. */
  readonly pastDeadline: number;
}

/** Makes, counts and reports the failures of a bulkhead. None of them reached the other side. */
export class Rejections {
  readonly #observer: Observer;
  readonly #compartment: Compartment;
  readonly #counts = {
    limitReached: 0,
    queueFull: 0,
    displaced: 0,
    timedOut: 0,
    overloaded: 0,
    pastDeadline: 0,
  };
  retryAfterMs: number;

  constructor(observer: Observer, compartment: Compartment, retryAfterMs: number) {
    this.#observer = observer;
    this.#compartment = compartment;
    this.retryAfterMs = retryAfterMs;
  }

  get counts(): RejectionCounts {
    return { ...this.#counts };
  }

  get total(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
  }

  limitReached({ operation }: CallContext): Failure {
    const code = coreFailureCodes.limitReached;
    const { retryAfterMs } = this;
    const { limit } = this.#compartment;
    const { name, emit } = this.#observer;
    this.#counts.limitReached += 1;
    emit?.({ type: "limitReached", name, operation, code, limit, retryAfterMs });
    return this.#failure(
      code,
      `the limit of ${this.#who} (${limit}) is reached; try again in ${durationText(retryAfterMs)}`,
    );
  }

  queueFull(context: CallContext): Failure {
    this.#counts.queueFull += 1;
    const { waiting, limit } = this.#compartment;
    return this.#reported(
      context,
      coreFailureCodes.queueFull,
      `${this.#who} is full: ${limit} calls run and ${waiting} wait; try again in ` +
        durationText(this.retryAfterMs),
    );
  }

  timedOut(timeoutMs: number, context: CallContext): Failure {
    this.#counts.timedOut += 1;
    return this.#reported(
      context,
      coreFailureCodes.queueTimeout,
      `no slot of ${this.#who} (${this.#compartment.limit}) was free within ${durationText(timeoutMs)}`,
    );
  }

  /** @param why - `displaced` or `overloaded`; who expired is told by its own time. */
  dropped(why: Exclude<DropReason, "expired">, waitedMs: number, context: CallContext): Failure {
    this.#counts[why] += 1;
    const waited = durationText(waitedMs);
    return why === "displaced"
      ? this.#reported(
          context,
          coreFailureCodes.queueFull,
          `the queue of ${this.#who} is full, and after ${waited} the call made room for another`,
        )
      : this.#reported(
          context,
          coreFailureCodes.queueOverloaded,
          `the queue of ${this.#who} stands: the call was dropped after ${waited}`,
        );
  }

  waitPastDeadline(forecastMs: number, leftMs: number, context: CallContext): Failure {
    this.#counts.pastDeadline += 1;
    return this.#reported(
      context,
      coreFailureCodes.waitPastDeadline,
      `the wait for ${this.#who} is about ${durationText(forecastMs)}, and the call has ` +
        `${durationText(leftMs)} left`,
    );
  }

  /** Kind `rejected` unlike that of a deadline that passes while the call runs: the other side has not seen it. */
  deadlineExceeded(context: CallContext): Failure {
    this.#counts.pastDeadline += 1;
    return this.#reported(
      context,
      coreFailureCodes.deadlineExceeded,
      `the deadline of the call passed before ${this.#who} had a free slot`,
    );
  }

  get #who(): string {
    const { name } = this.#observer;
    return name === undefined ? "the bulkhead" : `the bulkhead of ${name}`;
  }

  #reported({ operation }: CallContext, code: string, message: string): Failure {
    const { retryAfterMs } = this;
    const { limit, waiting } = this.#compartment;
    const { name, emit } = this.#observer;
    emit?.({ type: "queueRejected", name, operation, code, limit, waiting, retryAfterMs });
    return this.#failure(code, message);
  }

  #failure(code: string, message: string): Failure {
    return new Failure(message, {
      code,
      effect: "none",
      kind: "rejected",
      retryAfterMs: this.retryAfterMs,
    });
  }
}

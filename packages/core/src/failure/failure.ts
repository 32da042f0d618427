const brand: unique symbol = Symbol.for("outrigger.failure") as never;

/**
 * Whether the other side may have acted on a call that failed.
 *
 * - `none`: it certainly did not; repeating the call, or calling somebody else, is safe.
 * - `unknown`: it may have; only an idempotent call may be repeated, and nobody else may be asked instead.
 * - `done`: it did, and only the answer was lost or could not be used.
 */
export type Effect = "none" | "unknown" | "done";

/**
 * Who ended the call.
 *
 * - `rejected`: our own policies, before anything was sent. Says nothing about the other side's health.
 * - `aborted`: our caller went away.
 * - `refused`: the other side gave a final "no" (a declined card). The other side is healthy.
 * - `failed`: the other side or the way to it: timeouts, resets, 5xx.
 */
export type FailureKind = "rejected" | "aborted" | "refused" | "failed";

/** The stable codes of this package. Packages above add their own. */
export const coreFailureCodes = {
  attemptTimeout: "ATTEMPT_TIMEOUT",
  deadlineExceeded: "DEADLINE_EXCEEDED",
  callAborted: "CALL_ABORTED",
  /** An error that is no {@link Failure}, where one is promised; the error is the `cause`. */
  callFailed: "CALL_FAILED",
  limitReached: "LIMIT_REACHED",
  breakerOpen: "BREAKER_OPEN",
  hedgeLost: "HEDGE_LOST",
  injectedFault: "INJECTED_FAULT",
  queueFull: "QUEUE_FULL",
  queueTimeout: "QUEUE_TIMEOUT",
  queueOverloaded: "QUEUE_OVERLOADED",
  waitPastDeadline: "WAIT_PAST_DEADLINE",
  rateLimited: "RATE_LIMITED",
  loadShed: "LOAD_SHED",
  adaptiveLimitReached: "ADAPTIVE_LIMIT_REACHED",
  adaptiveThrottled: "ADAPTIVE_THROTTLED",
} as const;

export interface FailureInit {
  /** Stable and greppable, `UPPER_SNAKE_CASE`. */
  readonly code: string;
  readonly effect: Effect;
  /** @defaultValue `"failed"` */
  readonly kind?: FailureKind;
  /**
   * Whether the same call, sent later, may succeed. `false` for what no repetition mends: a bad certificate,
   * a request that is too large.
   *
   * @defaultValue true for `failed` and `rejected`, false for `aborted` and `refused`
   */
  readonly transient?: boolean;
  /** The earliest useful moment for another try, in milliseconds after this failure. Range: >= 0. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A call that did not end well, and says what that means for the other side.
 *
 * `code` is for programs and does not change between versions; `message` is for people and names the numbers.
 *
 * A rejection carries no stack trace: it names the policy and the reason, and capturing where in the policy it was
 * made would cost ten times the rest of the call, at the very moment when calls must be cheap to turn away.
 */
export class Failure extends Error {
  override readonly name: string = "Failure";
  readonly code: string;
  readonly effect: Effect;
  readonly kind: FailureKind;
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, init: FailureInit) {
    const limit = Error.stackTraceLimit;
    if (init.kind === "rejected") Error.stackTraceLimit = 0;
    super(message, "cause" in init ? { cause: init.cause } : undefined);
    if (init.kind === "rejected") Error.stackTraceLimit = limit;
    this.code = init.code;
    this.effect = init.effect;
    this.kind = init.kind ?? "failed";
    this.transient = init.transient ?? (this.kind === "failed" || this.kind === "rejected");
    this.retryAfterMs = init.retryAfterMs;
  }

  /** True across duplicate installs of this package, where `instanceof` is not. */
  static is(error: unknown): error is Failure {
    return typeof error === "object" && error !== null && brand in error;
  }
}
Object.defineProperty(Failure.prototype, brand, { value: true });

/**
 * The effect that stands for both, of two attempts of one call: `done` over `unknown` over `none`.
 */
export function worseEffect(a: Effect, b: Effect): Effect {
  // Comparisons, because a table that is read by the name of an effect costs as much as the rest of a rejection.
  if (a === b || b === "none" || a === "done") return a;
  return b === "done" || a === "none" ? b : a;
}

/** What policies need to know of an error, also of one that is not a {@link Failure}. */
export interface Verdict {
  readonly effect: Effect;
  readonly kind: FailureKind;
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;
}

const strange: Verdict = { effect: "unknown", kind: "failed", transient: true, retryAfterMs: undefined };
const mistake: Verdict = { effect: "unknown", kind: "failed", transient: false, retryAfterMs: undefined };

/**
 * The one classification that every policy reads.
 *
 * An error that is not a {@link Failure} carries no facts, so its effect is `unknown`. A programmer's mistake
 * (`TypeError` and its kin without a cause; `fetch` reports network trouble as a `TypeError` with one) is not
 * mended by repeating it.
 */
export function verdictOf(error: unknown): Verdict {
  if (Failure.is(error)) return error;
  return isMistake(error) ? mistake : strange;
}

function isMistake(error: unknown): boolean {
  const mistaken =
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError;
  return mistaken && error.cause === undefined;
}

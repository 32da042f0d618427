import { type Effect, Failure, type FailureKind } from "./failure.ts";

export interface RejectionInit {
  /** Stable and greppable, `UPPER_SNAKE_CASE`. */
  readonly code: string;
  /** The earliest useful moment for another try, in milliseconds after this failure. Range: >= 0. */
  readonly retryAfterMs?: number | undefined;
}

/** The message, for a rejection that names the given wait; 0 where it names none. */
export type Describe = (retryAfterMs: number) => string;

/**
 * A {@link Failure} of kind `rejected` with effect `none` that costs little more than an object, for policies that
 * turn away thousands of calls a second.
 *
 * It is an `Error` by its prototype (`instanceof Error`, `message`, `stack`) and was never built by the `Error`
 * constructor: that takes 140 ns instead of 10, as much as a call through an open circuit needs for all the rest. So
 * it has no stack trace, `structuredClone` makes a plain object of it, and `util.types.isNativeError` and
 * `Error.isError` say no. Whoever needs a real error wraps it: `new Error(failure.message, { cause: failure })`.
 *
 * @param describe - Makes the message when somebody first reads it. What it needs of the policy's state must be
 * taken before, because the state moves on; who rejects often keeps it as long as the state does.
 */
export function rejection(describe: Describe, init: RejectionInit): Failure {
  return new Rejection(describe, init) as unknown as Failure;
}

class Rejection {
  readonly code: string;
  readonly effect: Effect = "none";
  readonly kind: FailureKind = "rejected";
  readonly transient = true;
  readonly retryAfterMs: number | undefined;
  readonly #describe: Describe;
  #message: string | undefined;

  constructor(describe: Describe, { code, retryAfterMs }: RejectionInit) {
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.#describe = describe;
  }

  get name(): string {
    return "Failure";
  }

  get message(): string {
    this.#message ??= this.#describe(this.retryAfterMs ?? 0);
    return this.#message;
  }

  /** Loggers and frameworks put their own in front. */
  set message(message: string) {
    this.#message = message;
  }

  get stack(): string {
    return `${this.name}: ${this.message}`;
  }

  set stack(stack: string) {
    Object.defineProperty(this, "stack", { value: stack, writable: true, configurable: true });
  }
}
Object.setPrototypeOf(Rejection.prototype, Failure.prototype);

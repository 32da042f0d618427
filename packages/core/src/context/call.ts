import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { CallContext, type CallOptions } from "./call-context.ts";

/** A call to the outside. */
export type Call<I, O> = (input: I, context: CallContext) => Promise<O>;

/** Turns a call into a call of the same shape, so that policies compose without a framework. */
export type Policy = <I, O>(next: Call<I, O>) => Call<I, O>;

/**
 * Composes policies, the outermost first: `pipeline(deadline("5s"), retry(), timeout("1s"))`.
 */
export function pipeline(...policies: readonly Policy[]): Policy {
  return (next) => policies.reduceRight((inner, policy) => policy(inner), next);
}

/**
 * Makes one call with a context of its own.
 *
 * The caller's signal is listened to only while the call runs, so a signal that lives as long as the process
 * collects no listeners.
 *
 * @throws {@link Failure} `CALL_ABORTED` when the caller's signal aborts first; its effect is what the call
 * had reached by then. What happens to the call afterwards is nobody's unhandled rejection.
 */
export async function execute<I, O>(call: Call<I, O>, input: I, options: CallOptions = {}): Promise<O> {
  const context = new CallContext(options);
  const { signal } = options;
  if (signal === undefined) return await call(input, context);
  if (signal.aborted) throw callAborted(signal.reason, "none");
  return await new Promise<O>((resolve, reject) => {
    const leave = (): void => {
      const failure = callAborted(signal.reason, context.effect);
      context.abort(failure);
      reject(failure);
    };
    signal.addEventListener("abort", leave, { once: true });
    // Promise.try: a call that throws before its first await is a rejection like any other.
    Promise.try(() => call(input, context))
      .finally(() => signal.removeEventListener("abort", leave))
      .then(resolve, reject);
  });
}

function callAborted(reason: unknown, effect: Effect): Failure {
  return new Failure("the caller aborted the call", {
    code: coreFailureCodes.callAborted,
    effect,
    kind: "aborted",
    cause: reason,
  });
}

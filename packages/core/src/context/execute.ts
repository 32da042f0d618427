import { untilDeadline } from "../deadline/deadline.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { type Call, invoke } from "./call.ts";
import { CallContext, type CallOptions } from "./call-context.ts";

/**
 * Makes one call with a context of its own.
 *
 * The caller's signal is listened to only while the call runs, so a signal that lives as long as the process
 * collects no listeners.
 *
 * @throws {@link Failure} `CALL_ABORTED` when the caller's signal aborts first, `DEADLINE_EXCEEDED` when
 * `deadlineAtMs` passes; the effect is what the call had reached by then. What happens to the call afterwards
 * is nobody's unhandled rejection.
 */
export async function execute<I, O>(call: Call<I, O>, input: I, options: CallOptions = {}): Promise<O> {
  const context = new CallContext(options);
  const bounded = context.deadlineAtMs === Number.POSITIVE_INFINITY ? call : untilDeadline(call);
  const { signal } = options;
  if (signal === undefined) return await bounded(input, context);
  if (signal.aborted) throw callAborted(signal.reason, "none");
  return await new Promise<O>((resolve, reject) => {
    const leave = (): void => {
      const failure = callAborted(signal.reason, context.effect);
      reject(failure);
      context.abort(failure);
    };
    signal.addEventListener("abort", leave, { once: true });
    invoke(bounded, input, context)
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

import { untilDeadline } from "../deadline/deadline.ts";
import { coreFailureCodes, type Effect, Failure } from "../failure/failure.ts";
import { fusedOf } from "../pipeline/fuse.ts";
import { failureOf, type Result } from "../pipeline/result.ts";
import { type Call, invoke } from "./call.ts";
import { CallContext, type CallOptions } from "./call-context.ts";

const noOptions: CallOptions = {};

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
export function execute<I, O>(call: Call<I, O>, input: I, options: CallOptions = noOptions): Promise<O> {
  const run = isBare(options) ? fusedOf(call) : undefined;
  return run === undefined ? plainly(call, input, options) : run.begin(input, options);
}

/**
 * Makes one call like {@link execute}, and answers with a result instead of throwing.
 *
 * For who turns away more than it lets through: a call that a gate of a pipeline rejects makes no rejected promise
 * and throws nothing, which is most of what a rejection costs.
 */
export function tryExecute<I, O>(
  call: Call<I, O>,
  input: I,
  options: CallOptions = noOptions,
): Promise<Result<O>> {
  const run = isBare(options) ? fusedOf(call) : undefined;
  if (run !== undefined) return run.beginForResult(input, options);
  return plainly(call, input, options).then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, failure: failureOf(error) }),
  );
}

/** Nothing ends the call but itself and its policies. */
function isBare({ signal, deadlineAtMs }: CallOptions): boolean {
  return signal === undefined && deadlineAtMs === undefined;
}

async function plainly<I, O>(call: Call<I, O>, input: I, options: CallOptions): Promise<O> {
  return await executeIn(new CallContext(options), call, input, options.signal);
}

/**
 * Makes one call like {@link execute}, in a context that is in the caller's hands: to abort it, or to ask it when all
 * work of the call has ended.
 *
 * @param signal - The caller's own, as in {@link CallOptions}; the context does not know it.
 */
export function executeIn<I, O>(
  context: CallContext,
  call: Call<I, O>,
  input: I,
  signal?: AbortSignal,
): Promise<O> {
  const bounded = context.deadlineAtMs === Number.POSITIVE_INFINITY ? call : untilDeadline(call);
  if (signal === undefined) return invoke(bounded, input, context);
  if (signal.aborted) return Promise.reject(callAborted(signal.reason, "none"));
  return new Promise<O>((resolve, reject) => {
    const leave = (): void => {
      const failure = callAborted(signal.reason, context.effect);
      reject(failure);
      context.leaveRunning(work);
      context.abort(failure);
    };
    const work = invoke(bounded, input, context).finally(() => signal.removeEventListener("abort", leave));
    work.then(resolve, reject);
    // The call itself may have aborted it.
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
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

import type { CallContext } from "../context/call-context.ts";
import { coreFailureCodes, Failure } from "../failure/failure.ts";
import type { PlannedFault } from "./faults.ts";

/** The call with a fault: `before` it is made, or `after` it has answered. A call that fails by itself stays so. */
export async function injected<O>(
  fault: PlannedFault,
  call: () => Promise<O>,
  context: CallContext,
  name: string | undefined,
): Promise<O> {
  if (fault.at === "before") {
    // Nothing has been sent while the fault lasts; the call itself says when that changes.
    const before = context.effect;
    context.record("none");
    if (fault.kind === "latency") {
      await pause(fault.delayMs, context);
      context.record(before);
      return await call();
    }
    return await strike(fault, context, name);
  }
  const value = await call();
  if (fault.kind === "latency") {
    await pause(fault.delayMs, context);
    return value;
  }
  return await strike(fault, context, name);
}

async function strike<O>(
  fault: Exclude<PlannedFault, { kind: "latency" }>,
  context: CallContext,
  name: string | undefined,
): Promise<O> {
  if (fault.kind === "hang") return (await pause(Number.POSITIVE_INFINITY, context)) as never;
  if (fault.kind === "result") return fault.result() as O;
  const whose = name === undefined ? "" : ` by ${name}`;
  // Waited for, as a promise is no error to throw.
  if (fault.error !== undefined) throw await fault.error();
  throw new Failure(`a fault was injected${whose} ${fault.at} the call`, {
    code: coreFailureCodes.injectedFault,
    effect: fault.at === "before" ? "none" : "unknown",
  });
}

/** Waits; ends as a rejection when the call is aborted. */
function pause(ms: number, context: CallContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = context.clock.setTimer(ms, () => {
      forget();
      resolve();
    });
    const forget = context.onAbort((reason) => {
      timer.cancel();
      reject(reason);
    });
  });
}

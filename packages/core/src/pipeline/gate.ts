import type { Clock } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Failure, verdictOf } from "../failure/failure.ts";
import { type GatePlan, withPlan } from "./plan.ts";

/**
 * What one attempt says about the other side. `ignored` says nothing: the attempt was turned away or aborted on
 * our side. A refusal (a declined card) is a timely answer, so it is a `success`.
 */
export type GateOutcome = "success" | "failure" | "ignored";

/**
 * A policy that decides at the door and never waits: a circuit breaker, a concurrency limit, a rate limit.
 *
 * A pipeline runs the gates that stand next to each other without a closure or a promise for each of them. The
 * time is that of the gate's own clock where it has one, else that of the call's.
 */
export interface Gate {
  /** A token, 0 or more, to settle with; or -1: turned away, and {@link rejection} says why. Must not throw. */
  admit(nowMs: number, context: CallContext, input: unknown): number;
  /** The failure for the call that was just turned away at `nowMs`. Asked at most once for each. */
  rejection(nowMs: number, context: CallContext, input: unknown): Failure;
  /**
   * Told exactly once for each token, when the attempt is answered.
   *
   * @param error - What the attempt threw; undefined on success.
   */
  settle(token: number, outcome: GateOutcome, nowMs: number, startedAtMs: number, error: unknown): void;
  /**
   * Told exactly once for each token, after `settle` and not before nothing that was done for the attempt goes
   * on any more. A gate without it does not care about work that outlives its caller.
   */
  workEnded?(token: number, nowMs: number): void;
}

/**
 * The one judgement of an attempt's error that gates are told.
 *
 * @param abortReason - Why the attempt was told to stop, where it was. Work that stops because its caller left
 * often says so in words of its own (`AbortError`, `CanceledError`), which are no failure of the other side.
 */
export function outcomeOf(error: unknown, abortReason?: Failure | undefined): GateOutcome {
  if (abortReason?.kind === "aborted") return "ignored";
  const { kind } = verdictOf(error);
  if (kind === "failed") return "failure";
  return kind === "refused" ? "success" : "ignored";
}

/**
 * The plain shell of a gate: a policy that can be used anywhere, also outside a pipeline.
 *
 * @param clock - The gate's own clock. Without it the gate is given the time of each call's clock.
 */
export function gatePolicy(gate: Gate, plan: Omit<GatePlan, "gate" | "clock">, clock?: Clock): Policy {
  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      const time = clock ?? context.clock;
      const startedAtMs = time.now();
      const token = gate.admit(startedAtMs, context, input);
      if (token < 0) return Promise.reject(gate.rejection(startedAtMs, context, input));
      const settle = (outcome: GateOutcome, error: unknown): void => {
        gate.settle(token, outcome, time.now(), startedAtMs, error);
        if (gate.workEnded === undefined) return;
        context.whenWorkEnds(() => gate.workEnded?.(token, time.now()));
      };
      return invoke(next, input, context).then(
        (value) => {
          settle("success", undefined);
          return value;
        },
        (error: unknown) => {
          settle(outcomeOf(error, context.abortReason), error);
          throw error;
        },
      );
    };
  };
  // Not a spread: what may be changed while calls run is a getter of the plan.
  const described = Object.getOwnPropertyDescriptors(plan);
  return withPlan(policy, Object.defineProperties({ gate, clock }, described) as GatePlan);
}

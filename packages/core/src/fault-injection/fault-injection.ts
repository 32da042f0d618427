import { type Random, systemRandom } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import { assertOptions } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { randomAt, yesOrNo } from "../options/user-functions.ts";
import { withPlan } from "../pipeline/plan.ts";
import { type Fault, faultsOf, type PlannedFault } from "./faults.ts";
import { injected } from "./injected.ts";

export interface FaultInjectionOptions extends PolicyOptions {
  /** At most one of them strikes a call. Their rates together are at most 1. */
  readonly faults: readonly Fault[];
  /** Whether faults strike from the start; `enable()` and `disable()` switch at run time. @defaultValue false */
  readonly enabled?: boolean | undefined;
  /** Which calls faults may strike. One that throws says no. @defaultValue every call */
  readonly when?: ((input: unknown, context: CallContext) => boolean) | undefined;
  /** For the same faults again, a seeded one. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** - `enabled` off: what breaks calls on purpose is switched on by somebody who knows that it is. */
export const faultInjectionDefaults: { readonly enabled: boolean; readonly random: Random } = {
  enabled: false,
  random: systemRandom,
};

/** Plain JSON. */
export interface FaultInjectionSnapshot {
  readonly kind: "faultInjection";
  readonly name: string | undefined;
  readonly enabled: boolean;
  /** Since the start: calls that faults could have struck, and those that each one struck. */
  readonly calls: number;
  readonly faults: readonly {
    readonly kind: Fault["kind"];
    readonly at: "before" | "after";
    readonly rate: number;
    readonly injected: number;
  }[];
}

export type FaultInjection = Policy & {
  enable(): void;
  disable(): void;
  /** Other faults from now on, counted from 0; whether they strike stays as it is. */
  reconfigure(options: Pick<FaultInjectionOptions, "faults">): void;
  snapshot(): FaultInjectionSnapshot;
};

/**
 * Breaks calls on purpose, for tests and drills: makes them slow, fails them, lets them hang, or answers with
 * something else.
 *
 * A fault strikes `before` the call (it is not made: effect `none`) or `after` it (it was made, its answer is lost:
 * effect `unknown`). Stands innermost, so that every policy meets the fault as it would meet a real one.
 *
 * @throws {@link Failure} `INJECTED_FAULT`, or what the fault's `error` makes.
 */
export function faultInjection(options: FaultInjectionOptions): FaultInjection {
  assertOptions("faultInjection", options, ["faults", "enabled", "when", "random", ...policyOptionKeys]);
  let faults = faultsOf("faultInjection.faults", options.faults);
  const { when } = options;
  const random = randomAt("faultInjection.random", options.random ?? faultInjectionDefaults.random);
  let enabled = options.enabled ?? faultInjectionDefaults.enabled;
  if (typeof enabled !== "boolean") {
    throw new TypeError(`faultInjection.enabled must be true or false; got ${show(enabled)}`);
  }
  if (when !== undefined) functionAt("faultInjection.when", when);
  const { name, emit } = observerOf("faultInjection", options);
  let counts = faults.map(() => 0);
  let calls = 0;

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      if (!enabled || !isMeant(when, input, context)) return next(input, context);
      calls += 1;
      const struck = drawn(faults, random());
      if (struck < 0) return next(input, context);
      const fault = faults[struck] as PlannedFault;
      counts[struck] = (counts[struck] ?? 0) + 1;
      const { operation } = context;
      emit?.({ type: "faultInjected", name, operation, fault: fault.kind, at: fault.at });
      return injected(fault, (): Promise<O> => invoke(next, input, context), context, name);
    };
  };

  return withPlan(
    Object.assign(policy, {
      enable: () => {
        enabled = true;
      },
      disable: () => {
        enabled = false;
      },
      reconfigure: (changes: Pick<FaultInjectionOptions, "faults">) => {
        assertOptions("faultInjection", changes, ["faults"]);
        faults = faultsOf("faultInjection.faults", changes.faults);
        counts = faults.map(() => 0);
      },
      snapshot: (): FaultInjectionSnapshot => ({
        kind: "faultInjection",
        name,
        enabled,
        calls,
        faults: faults.map(({ kind, at, rate }, index) => ({ kind, at, rate, injected: counts[index] ?? 0 })),
      }),
    }),
    {
      kind: "faultInjection",
      name,
      get addsMs() {
        return Math.max(0, ...faults.map(heldUpMs));
      },
    },
  );
}

function heldUpMs(fault: PlannedFault): number {
  if (fault.kind === "hang") return Number.POSITIVE_INFINITY;
  return fault.kind === "latency" ? fault.delayMs : 0;
}

/** Which fault a number in [0, 1) stands for; -1 for none. One number per call, so a seed repeats a run. */
function drawn(faults: readonly PlannedFault[], number: number): number {
  let left = number;
  for (const [index, { rate }] of faults.entries()) {
    left -= rate;
    if (left < 0) return index;
  }
  return -1;
}

function isMeant(when: FaultInjectionOptions["when"], input: unknown, context: CallContext): boolean {
  if (when === undefined) return true;
  return yesOrNo(when, input, context) === true;
}

import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertOptions, oneOf, ratioIn } from "../options/options.ts";
import { functionAt } from "../options/policy-options.ts";

interface AnyFault {
  /** Share of the calls that it strikes. Range: above 0, at most 1. */
  readonly rate: number;
  /** Whether the call is not made at all, or made and its answer lost. @defaultValue "before" */
  readonly at?: "before" | "after" | undefined;
}

/** The call takes longer by `delay`, and is otherwise unharmed. */
export interface LatencyFault extends AnyFault {
  readonly kind: "latency";
  readonly delay: Duration;
}

export interface ErrorFault extends AnyFault {
  readonly kind: "error";
  /** Makes the error. @defaultValue a `Failure` `INJECTED_FAULT` with the effect of its place */
  readonly error?: (() => unknown) | undefined;
}

/** The call never answers; it ends when it is told to stop. */
export interface HangFault extends AnyFault {
  readonly kind: "hang";
}

/** The call answers with `result` instead of its own answer. */
export interface ResultFault extends AnyFault {
  readonly kind: "result";
  readonly result: () => unknown;
}

export type Fault = LatencyFault | ErrorFault | HangFault | ResultFault;

interface AnyPlanned {
  readonly rate: number;
  readonly at: "before" | "after";
}

/** A fault whose options have been checked. */
export type PlannedFault =
  | (AnyPlanned & { readonly kind: "latency"; readonly delayMs: number })
  | (AnyPlanned & { readonly kind: "error"; readonly error: (() => unknown) | undefined })
  | (AnyPlanned & { readonly kind: "hang" })
  | (AnyPlanned & { readonly kind: "result"; readonly result: () => unknown });

/** @throws TypeError or RangeError that names the path, the value and the range. */
export function faultsOf(path: string, value: unknown): readonly PlannedFault[] {
  if (!Array.isArray(value)) throw new TypeError(`${path} must be an array; got ${show(value)}`);
  const faults = value.map((each: unknown, index) => faultOf(`${path}[${index}]`, each));
  const together = faults.reduce((sum, { rate }) => sum + rate, 0);
  if (together > 1 + 1e-9) {
    throw new RangeError(`${path}: the rates must be at most 1 together; got ${show(together)}`);
  }
  return faults;
}

function faultOf(path: string, value: unknown): PlannedFault {
  assertOptions(path, value, ["kind", "rate", "at", "delay", "error", "result"]);
  const fault = value as Partial<LatencyFault & Omit<ErrorFault, "kind"> & Omit<ResultFault, "kind">>;
  const kind = oneOf(`${path}.kind`, fault.kind as unknown, ["latency", "error", "hang", "result"]);
  const common = {
    rate: ratioIn(`${path}.rate`, fault.rate),
    at: oneOf(`${path}.at`, fault.at ?? "before", ["before", "after"]),
  };
  for (const [key, owner] of Object.entries(owners)) {
    if (owner !== kind && key in fault) {
      throw new TypeError(`${path}.${key} belongs to a fault of kind "${owner}"; got kind "${kind}"`);
    }
  }
  switch (kind) {
    case "latency":
      return { ...common, kind, delayMs: durationMs(`${path}.delay`, fault.delay, { minMs: 0 }) };
    case "error": {
      const { error } = fault;
      if (error !== undefined) functionAt(`${path}.error`, error);
      return { ...common, kind, error };
    }
    case "hang":
      return { ...common, kind };
    case "result": {
      const { result } = fault;
      functionAt(`${path}.result`, result);
      return { ...common, kind, result: result as () => unknown };
    }
  }
}

/** Which kind an option belongs to. */
const owners: Readonly<Record<string, Fault["kind"]>> = {
  delay: "latency",
  error: "error",
  result: "result",
};

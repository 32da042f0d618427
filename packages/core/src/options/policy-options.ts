import type { Clock } from "../clock/clock.ts";
import { show } from "../duration/duration.ts";
import { isolated, type Listener } from "../events/events.ts";
import type { PolicyEvent } from "../events/policy-event.ts";
import { join, nonEmptyString } from "./options.ts";

/** What the options of every policy may carry. */
export interface PolicyOptions {
  /** Stands in the policy's events and messages. */
  readonly name?: string | undefined;
  /** Hears what the policy does. What it throws is dropped. */
  readonly onEvent?: Listener<PolicyEvent> | undefined;
}

/** The keys of {@link PolicyOptions}, for `assertOptions`. */
export const policyOptionKeys: readonly string[] = ["name", "onEvent"];

export interface Observer {
  readonly name: string | undefined;
  /** Undefined when nobody listens, so that `emit?.({ … })` builds no event. */
  readonly emit: Listener<PolicyEvent> | undefined;
}

/** @throws TypeError that names the path and the value. */
export function observerOf(path: string, options: PolicyOptions): Observer {
  const { name, onEvent } = options;
  if (name !== undefined) nonEmptyString(join(path, "name"), name);
  if (onEvent !== undefined) functionAt(join(path, "onEvent"), onEvent);
  return { name, emit: onEvent === undefined ? undefined : isolated(onEvent) };
}

/** @throws TypeError that names the path and what is missing. */
export function clockAt(path: string, clock: unknown): asserts clock is Clock {
  const given = clock as Partial<Record<keyof Clock, unknown>> | null | undefined;
  for (const key of ["now", "wallNow", "setTimer"] as const) functionAt(`${path}.${key}`, given?.[key]);
}

/** @throws TypeError that names the path and the value. */
export function functionAt(path: string, value: unknown): void {
  if (typeof value !== "function") throw new TypeError(`${path} must be a function; got ${show(value)}`);
}

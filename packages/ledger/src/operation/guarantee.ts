import type { NotFoundPolicy, ProviderFacts, UnknownFirst } from "../state/transitions.ts";

/**
 * What an operation promises about the other side and the business row, once everything is settled.
 *
 * - `exactly-once-effect`: an effect exists if and only if the row is committed; no person is needed while the
 *   provider answers.
 * - `eventually-consistent`: what the inquiry finds is completed or undone; what it never finds goes to a person.
 * - `detect-only`: a disagreement is seen and reported, but cannot be undone from here.
 * - `none`: an unknown outcome stays unknown.
 */
export type GuaranteeLevel = "exactly-once-effect" | "eventually-consistent" | "detect-only" | "none";

/** What a definition promises that accepts nothing less: both sides end in agreement. */
export type ConsistentLevel = "exactly-once-effect" | "eventually-consistent";

export interface Guarantee<Level extends GuaranteeLevel = GuaranteeLevel> {
  readonly level: Level;
  /** Why it is no better, or what it rests on; for people. */
  readonly reason: string;
  /** Within how long both sides agree, where that is known and everything answers. Milliseconds. */
  readonly boundMs?: number;
}

/** What a provider declared, as far as a guarantee follows from it. */
export interface DeclaredProvider extends ProviderFacts {
  readonly name: string;
  readonly keyWindowMs: number | undefined;
  readonly consistencyDelayMs: number;
  readonly maxInFlightMs: number | undefined;
  readonly statementDelayMs: number | undefined;
}

/** What is done about the unknown, as far as a guarantee follows from it. */
export interface DeclaredPolicy {
  readonly first: UnknownFirst;
  readonly onNotFound: NotFoundPolicy;
  readonly notFoundAfterMs: number;
  readonly manualAfterMs: number;
}

const order: readonly GuaranteeLevel[] = [
  "none",
  "detect-only",
  "eventually-consistent",
  "exactly-once-effect",
];

/** An operation promises what its weakest provider does. */
export function weakest(guarantees: readonly Guarantee[]): Guarantee {
  return guarantees.reduce((a, b) => (order.indexOf(b.level) < order.indexOf(a.level) ? b : a));
}

export function guaranteeOf(provider: DeclaredProvider, policy: DeclaredPolicy, leaseMs: number): Guarantee {
  const { name, canInquire, canCancel, keyWindowMs, maxInFlightMs, statementDelayMs } = provider;
  const { first, onNotFound } = policy;
  const at = (level: GuaranteeLevel, reason: string, boundMs?: number): Guarantee => ({
    level,
    reason: `${name}: ${reason}`,
    ...(boundMs !== undefined && { boundMs }),
  });
  if (provider.cancelBlocksLateOriginal && (onNotFound !== "manual" || first === "cancel")) {
    const then =
      canInquire && first === "inquire"
        ? "what the inquiry does not find is cancelled"
        : "an unknown outcome is cancelled";
    return at("exactly-once-effect", `${then}, and its cancel also stops an original that arrives later`);
  }
  if (onNotFound === "resend" && canInquire && canCancel && keyWindowMs !== undefined) {
    return at(
      "exactly-once-effect",
      `what the inquiry does not find is sent again with the same key, within the key's ${words(keyWindowMs)}; later a person decides`,
    );
  }
  if (onNotFound === "fail" && maxInFlightMs !== undefined && canCancel) {
    const boundMs = Math.max(leaseMs + maxInFlightMs + provider.consistencyDelayMs, policy.notFoundAfterMs);
    return at(
      "eventually-consistent",
      `what is not found ${words(boundMs)} after its last send is cancelled and abandoned; this rests on its word that nothing is under way for longer than ${words(maxInFlightMs)}`,
      boundMs,
    );
  }
  if (canInquire && canCancel) {
    return at(
      "eventually-consistent",
      'what the inquiry finds is completed or cancelled; "not found" is no proof, because its cancel is not declared to stop a late original, so a person decides',
      policy.manualAfterMs,
    );
  }
  if (statementDelayMs !== undefined && canCancel) {
    return at(
      "eventually-consistent",
      `its statements tell what happened within ${words(statementDelayMs)}, and what must not stand is cancelled then`,
      statementDelayMs,
    );
  }
  if (canInquire) {
    return at(
      "detect-only",
      "the inquiry tells what happened, but without a cancel an unwanted effect cannot be undone from here",
    );
  }
  if (canCancel) {
    return at(
      "detect-only",
      "without an inquiry, and with a cancel that is not declared to stop a late original, an unknown outcome goes to a person",
    );
  }
  if (statementDelayMs !== undefined) {
    return at(
      "detect-only",
      `only its statements tell what happened, within ${words(statementDelayMs)}`,
      statementDelayMs,
    );
  }
  return at(
    "none",
    "it has neither an inquiry nor a cancel nor statements, so an unknown outcome stays unknown",
  );
}

const units: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** A duration as people write it. */
export function words(ms: number): string {
  const [size, unit] = units.find(([each]) => ms >= each && ms % each === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}

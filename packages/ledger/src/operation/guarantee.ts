import type { NotFoundPolicy } from "../state/transitions.ts";

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

export interface Guarantee {
  readonly level: GuaranteeLevel;
  /** Why it is no better, or what it rests on; for people. */
  readonly reason: string;
}

/** What a provider declared, as far as a guarantee follows from it. */
export interface DeclaredProvider {
  readonly name: string;
  readonly canInquire: boolean;
  readonly canCancel: boolean;
  readonly cancelBlocksLateOriginal: boolean;
  readonly keyWindow: string | undefined;
  readonly onNotFound: NotFoundPolicy;
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

export function guaranteeOf(provider: DeclaredProvider): Guarantee {
  const { name, canInquire, canCancel, onNotFound } = provider;
  if (provider.cancelBlocksLateOriginal && onNotFound !== "manual") {
    const first = canInquire
      ? "what the inquiry does not find is cancelled"
      : "an unknown outcome is cancelled";
    return {
      level: "exactly-once-effect",
      reason: `${name}: ${first}, and its cancel also stops an original that arrives later`,
    };
  }
  if (onNotFound === "resend" && canInquire && canCancel && provider.keyWindow !== undefined) {
    return {
      level: "exactly-once-effect",
      reason: `${name}: what the inquiry does not find is sent again with the same key, within the key's ${provider.keyWindow}; later a person decides`,
    };
  }
  if (canInquire && canCancel) {
    return {
      level: "eventually-consistent",
      reason: `${name}: what the inquiry finds is completed or cancelled; "not found" is no proof, because its cancel is not declared to stop a late original, so a person decides`,
    };
  }
  if (canInquire) {
    return {
      level: "detect-only",
      reason: `${name}: the inquiry tells what happened, but without a cancel an unwanted effect cannot be undone from here`,
    };
  }
  if (canCancel) {
    return {
      level: "detect-only",
      reason: `${name}: without an inquiry, and with a cancel that is not declared to stop a late original, an unknown outcome goes to a person`,
    };
  }
  return {
    level: "none",
    reason: `${name}: it has neither an inquiry nor a cancel, and the loss was accepted`,
  };
}

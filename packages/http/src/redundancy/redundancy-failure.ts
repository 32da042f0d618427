import { type Effect, Failure, type FailureInit, type FailureKind } from "@outrigger/core";

const brand: unique symbol = Symbol.for("outrigger.redundancyFailure") as never;

/** The codes of a redundant integration's own; all others are those of the provider's failure. */
export const redundancyFailureCodes = {
  /** No provider may be asked: all that take this input are drained. */
  noProvider: "NO_PROVIDER",
  /** A call with the same key is running; its outcome is not known yet. */
  keyInUse: "KEY_IN_USE",
  /** The provider that has this key is drained, and nobody else may be asked. */
  providerDrained: "PROVIDER_DRAINED",
  /** The provider answered, and `answer` could not read it. */
  answerInvalid: "ANSWER_INVALID",
} as const;

/**
 * What `settle` found out about a change that may have taken effect.
 *
 * `unknown` stands for everything else: it failed, ran out of time, or answered something that is no settlement.
 */
export type SettledAs = "notThere" | "cancelled" | "done" | "unknown";

/** How one provider took part in a call. Plain JSON, without request, answer or key. */
export interface ProviderAttempt {
  readonly provider: string;
  /** Undefined for a success. */
  readonly code: string | undefined;
  readonly kind: FailureKind | undefined;
  /** What is known now: after `settle`, where that was asked. */
  readonly effect: Effect;
  /** Undefined where there was nothing to settle. */
  readonly settled: SettledAs | undefined;
  readonly durationMs: number;
}

export interface RedundancyFailureInit extends FailureInit {
  readonly integration: string;
  readonly operation: string;
  readonly provider?: string | undefined;
  readonly tried?: readonly ProviderAttempt[] | undefined;
}

/**
 * A call that no provider could answer. Its `cause` is the failure of one provider, an `HttpFailure` in most cases;
 * `effect` stands for all of them together.
 */
export class RedundancyFailure extends Failure {
  override readonly name: string = "RedundancyFailure";
  readonly integration: string;
  readonly operation: string;
  /** Whose failure this is. With effect `unknown`: who must be asked what became of it. */
  readonly provider: string | undefined;
  /** In the order in which they ended. */
  readonly tried: readonly ProviderAttempt[];

  constructor(message: string, init: RedundancyFailureInit) {
    super(message, init);
    this.integration = init.integration;
    this.operation = init.operation;
    this.provider = init.provider;
    this.tried = init.tried ?? [];
    Object.defineProperty(this, brand, { value: true });
  }

  /** True across duplicate installs of this package, where `instanceof` is not. */
  static override is(error: unknown): error is RedundancyFailure {
    return typeof error === "object" && error !== null && brand in error;
  }
}

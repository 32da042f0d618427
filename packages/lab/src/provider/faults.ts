import { assertKnownKeys, assertObject, integerIn, oneOf } from "@outrigger/core";

/**
 * How a provider can misbehave. Charges are touched unless the line says otherwise.
 *
 * - `healthy`: answers at once.
 * - `slow`: works on the charge for `delayMs` (default 800), applies it, answers.
 * - `hangBeforeApply`: reads the charge, never applies it, never answers.
 * - `applyThenHang`: applies it, never answers.
 * - `applyThenReset`: applies it, then resets the connection.
 * - `resetBeforeRead`: resets the connection as soon as bytes of any request arrive; nothing is applied.
 * - `applyLate`: never answers; applies it after `delayMs` (default 2000), also when the caller has gone, unless
 *   its key was blocked by then.
 * - `unavailable`: 503 with `Retry-After: retryAfterSeconds` (default 1); nothing is applied.
 * - `refuse`: connections are refused, and those that exist are closed.
 * - `closeIdle`: every connection is closed `delayMs` (default 0) after an answer, unannounced, for any request.
 * - `dropCancelAnswer`: cancels are applied and their answers lost: by a reset, then by silence, in turns.
 * - `failInquiry`: inquiries answer 500. Every second charge is treated as by `applyThenReset`, so that there is
 *   something to inquire about.
 */
export const faultKinds = [
  "healthy",
  "slow",
  "hangBeforeApply",
  "applyThenHang",
  "applyThenReset",
  "resetBeforeRead",
  "applyLate",
  "unavailable",
  "refuse",
  "closeIdle",
  "dropCancelAnswer",
  "failInquiry",
] as const;

export type FaultKind = (typeof faultKinds)[number];

export interface FaultSetting {
  readonly kind: FaultKind;
  /**
   * For `slow`, `applyLate` and `closeIdle`. A number of milliseconds, and no duration with a unit, because this is the
   * body of `PUT /fault`. Range: 0 to 600000.
   */
  readonly delayMs?: number;
  /** For `unavailable`. Range: 0 to 86400. */
  readonly retryAfterSeconds?: number;
}

/** What a provider does now, and how often each kind has touched a request since the provider's start. */
export interface FaultReport extends FaultSetting {
  /** ISO 8601. */
  readonly since: string;
  /**
   * Requests touched, by kind; `healthy` counts charges answered as they should be. Refused connections never
   * reach the provider, so `refuse` counts 1 for the closed port and 1 for each connection that it closed.
   */
  readonly used: Readonly<Record<FaultKind, number>>;
}

interface Parameters {
  readonly delayMs?: number;
  readonly retryAfterSeconds?: number;
}

/** The parameters that a kind takes, with their defaults. */
const parameters: Readonly<Record<FaultKind, Parameters>> = {
  healthy: {},
  slow: { delayMs: 800 },
  hangBeforeApply: {},
  applyThenHang: {},
  applyThenReset: {},
  resetBeforeRead: {},
  applyLate: { delayMs: 2_000 },
  unavailable: { retryAfterSeconds: 1 },
  refuse: {},
  closeIdle: { delayMs: 0 },
  dropCancelAnswer: {},
  failInquiry: {},
};

/**
 * A fault as it came over the wire, with defaults filled in.
 *
 * @throws RangeError or TypeError that names the field, the value and the choices.
 */
export function parseFault(body: unknown): FaultSetting {
  assertObject("the fault", body);
  const kind = oneOf("kind", body["kind"], faultKinds);
  const known = parameters[kind];
  assertKnownKeys("", body, ["kind", ...Object.keys(known)]);
  return {
    kind,
    ...(known.delayMs !== undefined && {
      delayMs: integerIn("delayMs", body["delayMs"] ?? known.delayMs, 0, 600_000),
    }),
    ...(known.retryAfterSeconds !== undefined && {
      retryAfterSeconds: integerIn(
        "retryAfterSeconds",
        body["retryAfterSeconds"] ?? known.retryAfterSeconds,
        0,
        86_400,
      ),
    }),
  };
}

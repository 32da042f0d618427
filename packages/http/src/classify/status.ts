import type { Effect, FailureKind } from "@outrigger/core";

/** What the classification needs to know of an operation. */
export interface StatusContract {
  /** GET, HEAD, OPTIONS: there is nothing that could take effect, so every failure has effect `none`. */
  readonly readOnly: boolean;
  /** The request carries an idempotency key that the provider honours. */
  readonly keyed: boolean;
  /** Statuses that are a final "no": nothing was applied, and nothing ever will be for this request. */
  readonly refusals: ReadonlySet<number>;
  /** Statuses by which the provider guarantees that nothing was applied, and that a later try may succeed. */
  readonly notApplied: ReadonlySet<number>;
}

export interface StatusVerdict {
  readonly effect: Effect;
  readonly kind: FailureKind;
  readonly transient: boolean;
}

const refused: StatusVerdict = { effect: "none", kind: "refused", transient: false };
const notApplied: StatusVerdict = { effect: "none", kind: "failed", transient: true };

/**
 * Statuses that say by themselves that nothing was applied.
 *
 * - 421 Misdirected Request: this server does not answer for the host (RFC 9110, 15.5.20).
 * - 425 Too Early: refused before processing, because it might be a replay (RFC 8470, 5.2).
 * - 429 Too Many Requests: refused by a rate limit (RFC 6585, 4).
 */
const neverApplied: ReadonlySet<number> = new Set([421, 425, 429]);

/**
 * Statuses after which the same request may well succeed, but which prove nothing about this one.
 *
 * - 408 Request Timeout: "did not receive a complete request", said also by gateways that had forwarded it.
 * - 502, 504: a gateway speaks; the origin may have acted.
 * - 503: not proof that nothing was applied (RFC 9110, 15.6.4); list it in `notApplied` where the provider says so.
 *
 * 500 is not among them: it is as often a bug met by this very request as a passing trouble.
 */
const passing: ReadonlySet<number> = new Set([408, 502, 503, 504]);

/** Says what a status means for the other side. Undefined for a success: 200 to 299. */
export function verdictOfStatus(status: number, contract: StatusContract): StatusVerdict | undefined {
  if (status >= 200 && status <= 299) return undefined;
  if (contract.refusals.has(status)) return refused;
  if (contract.notApplied.has(status) || neverApplied.has(status)) return notApplied;
  const effect = contract.readOnly ? "none" : "unknown";
  if (passing.has(status)) return { effect, kind: "failed", transient: true };
  // The first request with this key is still in progress: the same request, later, gets its answer
  // (Idempotency-Key draft, 2.7).
  if (status === 409 && contract.keyed) return { effect, kind: "failed", transient: true };
  if (status >= 500) return { effect, kind: "failed", transient: false };
  // It answered, and repeating changes nothing. For a write, no contract says that this "no" is final, so whether
  // something was applied stays open; its health is not in question either way.
  return { effect, kind: "refused", transient: false };
}

import type { Effect, FailureKind } from "@outrigger/core";
import type { AnswerContract, Listed } from "./answer-contract.ts";

export interface AnswerVerdict {
  readonly effect: Effect;
  readonly kind: FailureKind;
  readonly transient: boolean;
}

const refused: AnswerVerdict = { effect: "none", kind: "refused", transient: false };
const notApplied: AnswerVerdict = { effect: "none", kind: "failed", transient: true };

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
 * 500 is not among them: it is as often a bug met by this very request as a passing trouble. List it in `uncertain`
 * where the provider answers a repeated key with what became of the first request.
 */
const passing: ReadonlySet<number> = new Set([408, 502, 503, 504]);

/**
 * Says what an answer means for the other side. Undefined for a success.
 *
 * A code in the body says more than the status, so its list is asked first.
 *
 * @param code - Asked only where the contract reads codes; undefined when the body has none.
 */
export function verdictOfAnswer(
  status: number,
  contract: AnswerContract,
  code: string | undefined,
): AnswerVerdict | undefined {
  const isOk = status >= 200 && status <= 299;
  if (
    isOk &&
    (contract.successCodes === undefined || (code !== undefined && contract.successCodes.has(code)))
  )
    return undefined;
  const listed = (code === undefined ? undefined : contract.codes.get(code)) ?? contract.statuses.get(status);
  if (listed !== undefined) return verdictOfList(listed, contract);
  if (neverApplied.has(status)) return notApplied;
  const effect = contract.readOnly ? "none" : "unknown";
  if (passing.has(status)) return { effect, kind: "failed", transient: true };
  // The first request with this key is still in progress: the same request, later, gets its answer
  // (Idempotency-Key draft, 2.7).
  if (status === 409 && contract.keyed) return { effect, kind: "failed", transient: true };
  // A "no" has a code; an answer without one is not what the contract describes.
  if (status >= 500 || (isOk && code === undefined)) return { effect, kind: "failed", transient: false };
  // It answered, and repeating changes nothing. For a write, no contract says that this "no" is final, so whether
  // something was applied stays open; its health is not in question either way.
  return { effect, kind: "refused", transient: false };
}

function verdictOfList(listed: Listed, { readOnly }: AnswerContract): AnswerVerdict {
  if (listed === "refusals") return refused;
  if (listed === "notApplied") return notApplied;
  return { effect: readOnly ? "none" : "unknown", kind: "failed", transient: true };
}

/**
 * Whether the next try has to go over another connection: after 408 the server gives this one up (RFC 9110, 15.5.9), and
 * after 421 it has said that it does not answer for the host here (15.5.20).
 */
export function wantsOtherConnection(status: number): boolean {
  return status === 408 || status === 421;
}

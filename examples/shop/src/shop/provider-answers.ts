import { Failure } from "@outrigger/core";
import type { Inquiry } from "@outrigger/ledger";
import type { Order } from "./order.ts";

/** A charge as a provider tells it. */
export interface Charge {
  readonly chargeId: string;
  readonly key: string;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: "approved" | "cancelled";
}

/**
 * The charge that was asked for, out of a successful answer.
 *
 * A status of 200 alone proves nothing: gateways answer 200 with an error page, and an answer that was sent twice
 * is read as the answer to the next request on the connection.
 *
 * @throws Failure `ANSWER_MISMATCH` with effect `unknown`: something was answered, but not to this question.
 */
export function chargeFrom(answer: unknown, order: Order, key: string): Charge {
  const charge = answer as Partial<Charge> | null;
  if (charge?.status === "approved" && isFor(charge, order, key)) return charge;
  throw mismatch("the charge");
}

/** What an inquiry by order says about one key of it. */
export function inquiryFrom(answer: unknown, order: Order, key: string): Inquiry<Charge> {
  const charges = (answer as { readonly charges?: readonly Partial<Charge>[] } | null)?.charges;
  if (!Array.isArray(charges)) throw mismatch("the inquiry");
  const mine = charges.find((each) => each?.key === key);
  if (mine === undefined) return { status: "notFound" };
  if (!isFor(mine, order, key)) throw mismatch("the inquiry");
  if (mine.status === "approved") return { status: "found", result: mine };
  if (mine.status === "cancelled") return { status: "refused", code: "CHARGE_CANCELLED" };
  throw mismatch("the inquiry");
}

/** @throws Failure `ANSWER_MISMATCH` when the answer does not say that this key's charge is undone. */
export function assertCancelled(answer: unknown, key: string): void {
  const cancelled = answer as { readonly status?: unknown; readonly key?: unknown } | null;
  const undone = cancelled?.status === "cancelled" || cancelled?.status === "blocked";
  if (!undone || cancelled?.key !== key) throw mismatch("the cancel");
}

function isFor(charge: Partial<Charge>, order: Order, key: string): charge is Charge {
  return (
    charge.key === key &&
    charge.orderId === order.orderId &&
    charge.amount === order.amount &&
    charge.currency === order.currency
  );
}

function mismatch(what: string): Failure {
  return new Failure(`the answer to ${what} is not an answer to what was asked`, {
    code: "ANSWER_MISMATCH",
    effect: "unknown",
  });
}

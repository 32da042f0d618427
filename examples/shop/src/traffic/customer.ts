import type { Random } from "@outrigger/core";
import type { Lane } from "../audit/order-book.ts";

/** Where each lane takes its checkouts. */
export const checkoutPath: Readonly<Record<Lane, string>> = {
  bare: "/bare/checkout",
  outrigger: "/checkout",
};

export interface CustomerOrder {
  readonly lane: Lane;
  readonly orderId: string;
  readonly amount: number;
  readonly method: "card" | "transfer";
}

export interface CustomerOptions {
  readonly shopUrl: string;
  readonly random: Random;
  /** Ends the visit, also while waiting to try again. */
  readonly signal: AbortSignal;
}

/** How a visit ended: with an answer, or after the last try without one. */
export type VisitEnd = "paid" | "pending" | "declined" | "gaveUp";

const mostTries = 4;
const patienceMs = 2_000;

/**
 * An impatient customer: waits two seconds, presses "pay" again, and gives up after the fourth try.
 *
 * The order id stays the same, as a browser that reloads the page would send it.
 */
export async function visit(order: CustomerOrder, options: CustomerOptions): Promise<VisitEnd> {
  for (let tries = 1; ; tries += 1) {
    const end = await askOnce(order, options);
    if (end !== "again") return end;
    if (tries === mostTries || options.signal.aborted) return "gaveUp";
    await pause(200 + options.random() * 800, options.signal);
  }
}

async function askOnce(
  order: CustomerOrder,
  { shopUrl, signal }: CustomerOptions,
): Promise<VisitEnd | "again"> {
  const { lane, ...body } = order;
  try {
    const response = await fetch(shopUrl + checkoutPath[lane], {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    await response.arrayBuffer();
    if (response.status === 200) return "paid";
    if (response.status === 202) return "pending";
    if (response.status === 402) return "declined";
    return "again";
  } catch {
    return "again"; // Refused, reset or too slow: to the customer it is all the same.
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

import type { Random } from "@outrigger/core";
import type { Lane } from "../audit/order-book.ts";

/** Where each lane takes its checkouts. */
const checkoutPath: Readonly<Record<Lane, string>> = {
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
export type VisitEnd = "paid" | "pending" | "declined" | "withdrew" | "gaveUp";

const mostTries = 4;
const patienceMs = 2_000;

/** How long a customer looks at "your payment is being settled" before leaving, in milliseconds. */
const settlingMs = 10_000;

/**
 * An impatient customer: waits two seconds, presses "pay" again, and gives up after the fourth try. Told that
 * the payment is being settled, the customer asks for the order's status for a while.
 *
 * The order id stays the same, as a browser that reloads the page would send it.
 */
export async function visit(order: CustomerOrder, options: CustomerOptions): Promise<VisitEnd> {
  for (let tries = 1; ; tries += 1) {
    const answer = await askOnce(order, options);
    const end = answer.end === "pending" ? await followUp(order, options) : answer.end;
    if (end !== "again") return end;
    if (tries === mostTries || options.signal.aborted) return "gaveUp";
    await pause(answer.retryAfterMs + 200 + options.random() * 800, options.signal);
  }
}

interface Answer {
  readonly end: VisitEnd | "again";
  /** What a 503 asks the customer to wait; 0 without it. */
  readonly retryAfterMs: number;
}

async function askOnce(order: CustomerOrder, { shopUrl, signal }: CustomerOptions): Promise<Answer> {
  const { lane, ...body } = order;
  try {
    const response = await fetch(shopUrl + checkoutPath[lane], {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    await response.arrayBuffer();
    const seconds = Number(response.status === 503 ? response.headers.get("retry-after") : 0);
    return { end: endOf(response.status), retryAfterMs: Math.min(seconds * 1_000, patienceMs) };
  } catch {
    return { end: "again", retryAfterMs: 0 }; // Refused, reset or too slow: to the customer it is all the same.
  }
}

function endOf(status: number): Answer["end"] {
  if (status === 200) return "paid";
  if (status === 202) return "pending";
  return status === 402 ? "declined" : "again";
}

/** Share of the customers who take their order back rather than wait for a pending payment. */
const withdrawingRatio = 0.1;

/** Asks for the status of an order that is being settled, until it is or the customer has had enough. */
async function followUp(
  order: CustomerOrder,
  { shopUrl, random, signal }: CustomerOptions,
): Promise<VisitEnd | "again"> {
  const address = `${shopUrl}/orders/${order.orderId}`;
  const withdraws = random() < withdrawingRatio;
  if (withdraws) await withdraw(`${address}/withdrawal`, signal);
  const untilMs = performance.now() + settlingMs;
  while (performance.now() < untilMs && !signal.aborted) {
    await pause(500, signal);
    const status = await orderStatus(address, signal);
    if (status === "paid") return "paid";
    if (status === "unpaid") return withdraws ? "withdrew" : "again";
  }
  return "pending";
}

async function withdraw(url: string, signal: AbortSignal): Promise<void> {
  try {
    await fetch(url, { method: "POST", signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
  } catch {
    // Whether it was heard shows in the order's status.
  }
}

async function orderStatus(url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
    return ((await response.json()) as { readonly status: string }).status;
  } catch {
    return undefined; // The shop is down or slow; the customer looks again.
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

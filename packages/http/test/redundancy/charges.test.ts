import { pick, seededRandom } from "@outrigger/lab";
import { expect, test } from "vitest";
import { HttpFailure, RedundancyFailure } from "../../src/index.ts";
import type { CancelFault, ChargeFault } from "./journal-provider.ts";
import { type Lanes, twoProviders } from "./payments.ts";

const chargeFaults: readonly ChargeFault[] = [
  "healthy",
  "healthy",
  "declined",
  "unavailable",
  "resetUnapplied",
  "applyThenReset",
  "hangUnapplied",
  "applyThenHang",
  "applyLate",
  "applyThenGarbage",
];
const cancelFaults: readonly CancelFault[] = ["healthy", "healthy", "healthy", "lost", "hang", "fails"];

/** Checks what an order ended with against what the providers have truly applied. */
function checkOrder({ a, b }: Lanes, orderId: string, outcome: unknown): "paid" | "none" | "unknown" {
  const charged = Object.entries({ a, b }).flatMap(([name, each]) => each.active(orderId).map(() => name));
  expect(charged.length, `${orderId} is charged at ${charged}`).toBeLessThanOrEqual(1);
  if (!(outcome instanceof Error)) {
    expect(charged, `${orderId} was said to be paid`).toEqual([(outcome as { provider: string }).provider]);
    return "paid";
  }
  if (!RedundancyFailure.is(outcome)) throw outcome;
  if (outcome.effect === "none") {
    expect(charged, `${orderId} was said not to be charged`).toEqual([]);
    return "none";
  }
  for (const name of charged) expect(outcome.provider, `${orderId} is open elsewhere`).toBe(name);
  return "unknown";
}

test.each([1, 2, 3, 4])(
  "no order is charged at two providers that hang, reset, answer late and lose cancels (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const lanes = await twoProviders({ random, timeout: { total: "20s", settle: "1s" } });
    for (const each of [lanes.a, lanes.b]) {
      each.chargeFault = () => pick(chargeFaults, random);
      each.cancelFault = () => pick(cancelFaults, random);
    }
    const orders = Array.from({ length: 60 }, (_, index) => `order-${index}`);
    const outcomes = await Promise.all(
      orders.map((id) => lanes.payments.call("charge", { id }, { key: id }).catch((error: unknown) => error)),
    );
    await Promise.all([lanes.a.settled(), lanes.b.settled()]);
    const ended = orders.map((id, index) => checkOrder(lanes, id, outcomes[index]));
    // The faults were truly met: some were paid after a failover, some are open.
    expect(new Set(ended).size).toBe(3);
    const { providers, calls } = lanes.payments.snapshot();
    expect(providers.some(({ settled }) => settled.cancelled > 0)).toBe(true);
    expect(calls.failedOver).toBeGreaterThan(0);

    // Everything is repeated with its key, as a client does who got no answer; the providers are well by now.
    for (const each of [lanes.a, lanes.b]) {
      each.chargeFault = () => "healthy";
      each.cancelFault = () => "healthy";
    }
    const again = await Promise.all(
      orders.map((id) => lanes.payments.call("charge", { id }, { key: id }).catch((error: unknown) => error)),
    );
    for (const [index, id] of orders.entries()) {
      checkOrder(lanes, id, again[index]);
      if (ended[index] === "paid")
        expect(again[index]).toMatchObject({ provider: (outcomes[index] as { provider: string }).provider });
    }
    for (const each of [lanes.a, lanes.b]) {
      const keys = each.journal.filter(({ kind }) => kind === "charge").map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
    }
  },
);

test("without a way to settle, a change that may have been made ends at its provider", async () => {
  const { a, b, payments } = await twoProviders({ settles: false, random: () => 0 });
  a.chargeFault = () => "applyThenHang";
  const failure = await payments.call("charge", { id: "o" }, { key: "o" }).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "READ_TIMEOUT",
    effect: "unknown",
    provider: "a",
    integration: "payments",
  });
  expect([a.active("o").length, b.requests.length]).toEqual([1, 0]);
});

test("nothing of one provider's request or answer reaches the other: no credentials, cookies, keys or bodies", async () => {
  const { a, b, payments } = await twoProviders({ random: () => 0 });
  a.chargeFault = () => "applyThenReset";
  const answer = await payments.call("charge", { id: "o" }, { key: "o" });
  expect(answer.provider).toBe("b");
  const sentTo = (provider: typeof a): string => JSON.stringify(provider.requests);
  expect(sentTo(a)).toContain("secret-of-a");
  expect(sentTo(b)).not.toMatch(/of-a|of-this-provider/);
  const keys = (provider: typeof a) =>
    new Set(provider.requests.map(({ headers }) => headers["idempotency-key"]).filter((key) => key));
  expect(keys(a).size).toBe(1);
  expect(keys(b).size).toBe(1);
  expect(keys(a)).not.toEqual(keys(b));
  expect(sentTo(a) + sentTo(b)).not.toContain('"idempotency-key":"o"');
  // Of all that is told of it, nothing holds a credential or a key.
  expect(JSON.stringify([answer.tried, payments.snapshot()])).not.toMatch(/secret|jar=/);
});

test("a refused connection is passed on at once, and the provider's own failure is what the tried list says", async () => {
  const { a, payments, events } = await twoProviders({ random: () => 0 });
  a.refuse();
  const answer = await payments.call("charge", { id: "o" });
  expect(answer.provider).toBe("b");
  expect(answer.tried).toMatchObject([
    { provider: "a", code: "CONNECT_FAILED", kind: "failed", effect: "none", settled: undefined },
    { provider: "b", code: undefined, effect: "done" },
  ]);
  expect(events.filter(({ type }) => type === "failedOver")).toMatchObject([
    { name: "payments.charge", from: "a", to: "b" },
  ]);
});

test("a declined card is an answer, and nobody else is asked", async () => {
  const { a, b, payments } = await twoProviders({ random: () => 0 });
  a.chargeFault = () => "declined";
  const failure = await payments.call("charge", { id: "o" }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "HTTP_402", kind: "refused", effect: "none" });
  expect(HttpFailure.is((failure as Error).cause)).toBe(true);
  expect(b.requests).toEqual([]);
});

test("an open circuit costs the calls after it nothing: they start at the other provider", async () => {
  const { a, payments } = await twoProviders({
    random: () => 0,
    breaker: { consecutiveFailures: 3, openFor: "1h" },
  });
  a.chargeFault = () => "unavailable";
  for (let order = 0; order < 20; order += 1) {
    expect((await payments.call("charge", { id: `o-${order}` })).provider).toBe("b");
  }
  // Three attempts opened it; no call after that reached it, not even to be turned away.
  expect(a.requests.length).toBe(3);
  const { operations, providers } = payments.snapshot();
  expect(operations["charge"]?.providers).toMatchObject([
    { name: "a", state: "down", share: 0 },
    { name: "b", state: "up", share: 1 },
  ]);
  expect(providers[0]?.tried).toBeLessThanOrEqual(3);
});

test("a drained provider finishes what it has and gets nothing new", async () => {
  const { a, b, payments, events } = await twoProviders({ random: () => 0, read: "20000ms" });
  a.quoteMs = 100;
  const running = payments.call("quote", "USD/KRW");
  await expect.poll(() => a.requests.length).toBe(1);
  const drained = payments.drain("a");
  expect((await payments.call("quote", "USD/KRW")).provider).toBe("b");
  expect(payments.snapshot().providers[0]).toMatchObject({ draining: true, running: 1 });
  expect((await running).provider).toBe("a");
  await drained;
  expect(payments.snapshot().providers[0]).toMatchObject({ draining: true, running: 0, answered: 1 });
  expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
  expect(events.map(({ type }) => type)).toEqual(["providerDraining", "providerDrained"]);
});

test("a slow read is asked of the other provider as well, and the slower one is told to stop", async () => {
  const { a, b, apis, payments } = await twoProviders({
    random: () => 0,
    hedge: { delay: "20ms" },
    read: "20000ms",
  });
  a.quoteMs = 10_000;
  const answer = await payments.call("quote", "USD/KRW");
  expect(answer).toMatchObject({ provider: "b", value: 1_320 });
  await expect.poll(() => a.quotesCut).toBe(1);
  await expect.poll(() => payments.snapshot().providers[0]?.running).toBe(0);
  expect(payments.snapshot().providers).toMatchObject([
    { name: "a", aborted: 1, failed: 0 },
    { name: "b", answered: 1 },
  ]);
  // Nor has its circuit seen a failure.
  expect(apis[0]?.snapshot().breaker).toMatchObject({ failures: 0, calls: 0 });
  expect(b.requests.length).toBe(1);
  a.quoteMs = 0;
});

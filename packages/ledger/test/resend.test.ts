import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider, wait } from "./support/single.ts";

const shop = useAnyShop("ledger_resend");

const capabilities = { idempotencyKey: { window: "1d" } } as const;
const resend = { onNotFound: "resend", notFoundAfter: "0ms", retryFirst: "50ms", retryMax: "100ms" } as const;

/** A provider that never got the first request, and ends every later one with `error`. */
function lostThen(error: () => Error): { calls: () => number; provider: object } {
  let calls = 0;
  return {
    calls: () => calls,
    provider: {
      capabilities,
      call: async () => {
        calls += 1;
        throw calls === 1 ? new Error("socket hang up") : error();
      },
      inquire: async () => ({ status: "notFound" }),
    },
  };
}

const declined = (): Error =>
  new Failure("card declined", { code: "CARD_DECLINED", effect: "none", kind: "refused" });

test("a resend that is reset is not repeated without a wait", async () => {
  const { calls, provider } = lostThen(() => new Error("socket hang up"));
  const key = "is-reset";
  const node = singleProvider(shop, provider, { unknown: resend });
  node.ledger.start();
  await node.pay.run({ id: key, amount: 1 }, { key });
  await wait(1_000);
  await node.ledger.stop();
  // Waits of 25 ms at the least, growing to 50 ms: 1 + 1000 / 25 calls are the most that can be.
  expect(calls()).toBeGreaterThanOrEqual(3);
  expect(calls()).toBeLessThanOrEqual(41);
});

test("a resend that is declined is not sent again, and ends with a person where no cancel stops a late original", async () => {
  const { calls, provider } = lostThen(declined);
  const node = singleProvider(shop, provider, {
    unknown: { ...resend, retryFirst: "10ms", retryMax: "20ms", manualAfter: "100ms" },
  });
  node.ledger.start();
  await node.pay.run({ id: "again", amount: 1 }, { key: "again" });
  await shop.settled(node, 5_000);
  expect(await recordOf(node, "again")).toMatchObject({ state: "MANUAL", intent: "EXECUTE" });
  expect(calls()).toBe(2);
});

test("a declined resend is cancelled where the cancel also stops the original that may still arrive", async () => {
  const { calls, provider } = lostThen(declined);
  const node = singleProvider(
    shop,
    { ...provider, capabilities: { ...capabilities, cancel: { blocksLateOriginal: true } } },
    { unknown: resend },
  );
  node.ledger.start();
  await node.pay.run({ id: "stopped", amount: 1 }, { key: "stopped" });
  await shop.settled(node, 5_000);
  expect(await recordOf(node, "stopped")).toMatchObject({
    state: "CANCELLED",
    failure: { code: "CARD_DECLINED", kind: "refused" },
  });
  expect(calls()).toBe(2);
  expect(await shop.status("stopped")).toBe("void");
});

test("a resend that comes to be sent when the key may be forgotten is not sent", async () => {
  const { calls, provider } = lostThen(() => new Error("socket hang up"));
  const key = "slept";
  let comesBy = 0;
  const node = singleProvider(
    shop,
    { ...provider, capabilities: { idempotencyKey: { window: "1s" } } },
    {
      lease: "400ms",
      // One slot, so that this process does not take the operation from itself.
      concurrency: 1,
      unknown: { ...resend, manualAfter: "100ms" },
      // A worker that stood still for longer than the key is kept, and whose operation nobody has taken.
      onStep: async (name) => {
        if (name !== "call.before") return;
        comesBy += 1;
        if (comesBy === 2) await wait(1_500);
      },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: key, amount: 1 }, { key });
  await shop.settled(node);
  expect(await recordOf(node, key)).toMatchObject({ state: "MANUAL" });
  expect(calls()).toBe(1);
});

import { expect, test } from "vitest";
import { paymentsThrough } from "./support/payments.ts";
import { useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_fair");

test("a provider that answers nothing leaves half of the slots to the others", async () => {
  const maker = shop.node();
  const hung = Array.from({ length: 12 }, (_, index) => `h${index}`);
  for (const key of [...hung, "live"]) {
    const provider = key === "live" ? "b" : "a";
    shop[provider].modes.set(key, { charge: "replyLost" });
    await maker.pay.run({ id: key, amount: 1 }, { key, providers: [provider] });
  }
  let asking = 0;
  let most = 0;
  const b = paymentsThrough(() => shop.b.url);
  const node = shop.node({
    concurrency: 4,
    lease: "30s",
    drain: "50ms",
    definition: {
      providers: {
        a: {
          ...paymentsThrough(() => shop.a.url),
          async inquire(_order, { signal }) {
            asking += 1;
            most = Math.max(most, asking);
            await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
            asking -= 1;
            return { status: "inProgress" };
          },
        },
        b,
      },
    },
  });
  node.ledger.start();
  await expect.poll(() => shop.status("live"), { timeout: 5_000 }).toBe("paid");
  expect(most).toBe(2);
  expect((await node.ledger.snapshot()).resolving).toBe(2);
});

test("slots that a provider gives back are used by its others at once, and a lone provider has them all", async () => {
  shop.a.mode = { charge: "replyLost" };
  const maker = shop.node();
  const keys = Array.from({ length: 9 }, (_, index) => `s${index}`);
  await Promise.all(keys.map((key) => maker.pay.run({ id: key, amount: 1 }, { key, providers: ["a"] })));
  let most = 0;
  const lone = shop.node({
    concurrency: 3,
    pollEvery: "1h",
    definition: { providers: { a: paymentsThrough(() => shop.a.url) } },
    onStep: async (name) => {
      if (name === "inquiry.before") most = Math.max(most, (await lone.ledger.snapshot()).resolving);
    },
  });
  lone.ledger.start();
  await expect
    .poll(
      async () =>
        (await Promise.all(keys.map((key) => shop.status(key)))).every((status) => status === "paid"),
      { timeout: 10_000 },
    )
    .toBe(true);
  expect(most).toBe(3);
});

test("where a provider has its half, its next one starts as soon as one of them ends", async () => {
  shop.a.mode = { charge: "replyLost" };
  const maker = shop.node();
  const keys = Array.from({ length: 9 }, (_, index) => `n${index}`);
  await Promise.all(keys.map((key) => maker.pay.run({ id: key, amount: 1 }, { key, providers: ["a"] })));
  const node = shop.node({ concurrency: 4, pollEvery: "1h" });
  node.ledger.start();
  await expect
    .poll(
      async () =>
        (await Promise.all(keys.map((key) => shop.status(key)))).every((status) => status === "paid"),
      { timeout: 10_000 },
    )
    .toBe(true);
});

import type { Shop } from "../../../ledger/test/support/shop.ts";
import { singleProvider } from "../../../ledger/test/support/single.ts";

const quickly = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms" } as const;
const soldOut = {
  commit: () => {
    throw new Error("sold out");
  },
};

/** The message of a provider that is up to no good: it would clear the screen and claim that all is well. */
export const evilMessage = "\u001b[2J\u001b[1;32mall is well\u001b[0m\u009b31m";

/** One real operation in every state, each under the key that is the state's name in small letters. */
export async function everyState(shop: Shop): Promise<void> {
  const plain = singleProvider(shop, {}, { unknown: quickly });
  await plain.pay.run({ id: "done", amount: 1 }, { key: "done" });
  shop.a.mode = { charge: "declined" };
  await plain.pay.run({ id: "failed", amount: 1 }, { key: "failed" });

  // Each with a worker of its own, so that nobody takes up another one's.
  const cancelled = singleProvider(shop, {}, { operation: "pay.cancelled", unknown: quickly });
  await cancelled.pay.enqueue({ id: "cancelled", amount: 1 }, { key: "cancelled" });
  await cancelled.ledger.cancel(
    { operation: "pay.cancelled", key: "cancelled" },
    { reason: "changed her mind", by: "customer 7" },
  );
  cancelled.ledger.start();
  await reaches(shop, "cancelled", "CANCELLED");
  await cancelled.ledger.stop();

  shop.a.mode = { charge: "replyLost", failInquiries: 1_000_000 };
  const manual = singleProvider(
    shop,
    {
      inquire: async () => {
        throw new Error(evilMessage);
      },
    },
    { operation: "pay.manual", unknown: { ...quickly, manualAfter: "50ms" } },
  );
  manual.ledger.start();
  await manual.pay.run({ id: "manual", amount: 1 }, { key: "manual" });
  await reaches(shop, "manual", "MANUAL");
  await manual.ledger.stop();

  shop.a.mode = { charge: "replyLost" };
  await plain.pay.run({ id: "unknown", amount: 1 }, { key: "unknown" });
  shop.a.mode = {};
  const cancelling = singleProvider(shop, {}, { unknown: quickly, definition: soldOut });
  await cancelling.pay.run({ id: "cancelling", amount: 1 }, { key: "cancelling" });
  await plain.pay.enqueue({ id: "ready", amount: 1 }, { key: "ready" });

  shop.a.modes.set("sending", { charge: "hangBeforeApply" });
  const sending = singleProvider(shop, {}, { unknown: quickly });
  const run = sending.pay.run({ id: "sending", amount: 1 }, { key: "sending" });
  run.catch(() => {});
  await reaches(shop, "sending", "SENDING");
  await sending.crash();
}

async function reaches(shop: Shop, key: string, state: string): Promise<void> {
  for (;;) {
    const { rows } = await shop.pool.query("select state from outrigger.operation where key = $1", [key]);
    if (rows[0]?.["state"] === state) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

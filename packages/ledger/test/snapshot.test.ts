import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_snapshot");

test("the snapshot counts what is open, and the totals what is settled", async () => {
  const node = shop.node();
  const none = { READY: 0, SENDING: 0, UNKNOWN: 0, CANCELLING: 0, MANUAL: 0 };
  expect(await node.ledger.snapshot()).toEqual({
    states: none,
    oldestOpenMs: null,
    resolving: 0,
    sagas: [],
    outboxes: [],
  });

  await node.pay.run({ id: "s1", amount: 1 }, { key: "s1" });
  shop.a.mode = { charge: "declined" };
  await node.pay.run({ id: "s2", amount: 1 }, { key: "s2" });
  shop.a.mode = { charge: "replyLost" };
  await node.pay.run({ id: "s3", amount: 1 }, { key: "s3" });

  const { states, oldestOpenMs } = await node.ledger.snapshot();
  expect(states).toEqual({ ...none, UNKNOWN: 1 });
  expect(oldestOpenMs).toBeGreaterThanOrEqual(0);
  expect(await node.ledger.totals()).toEqual({ DONE: 1, FAILED: 1, CANCELLED: 0 });
});

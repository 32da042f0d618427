import type { StepName } from "@outrigger/ledger";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CommitProxy } from "./support/commit-proxy.ts";
import { type AnyNode, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_silent");
let proxy: CommitProxy;
beforeAll(async () => {
  proxy = await new CommitProxy(shop.url, shop.database.isCommit).start();
});
afterEach(() => {
  proxy.silent = false;
  // Ends what still waits for an answer that was dropped.
  proxy.down = true;
  proxy.down = false;
});
afterAll(() => proxy.stop());

const boundMs = 300;
/** Generous: how long a broken product takes to fail. */
const failAfterMs = 15_000;

const node = (options: Parameters<typeof shop.node>[0] = {}): AnyNode =>
  shop.node({ database: proxy.url, statementTimeout: `${boundMs}ms`, drain: "200ms", ...options } as never);

/** Silences the database at a step. */
const silentAt = (step: StepName) => ({
  onStep: (name: StepName): void => {
    if (name === step) proxy.silent = true;
  },
});

test(
  "a database that never answers does not hold a caller, who learns that the key may be taken",
  async () => {
    const { pay } = node();
    proxy.silent = true;
    await expect(pay.run({ id: "a1", amount: 1 }, { key: "a1" })).rejects.toMatchObject({
      code: "INTENT_UNKNOWN",
      effect: "unknown",
    });
    expect(shop.a.requests).not.toContain("/charge a1");
  },
  failAfterMs,
);

test(
  "a database that falls silent at the intent's commit leaves the intent unknown, and nothing is sent",
  async () => {
    const { pay } = node();
    proxy.next("fallSilent");
    await expect(pay.run({ id: "a2", amount: 1 }, { key: "a2" })).rejects.toMatchObject({
      code: "INTENT_UNKNOWN",
      effect: "unknown",
    });
    expect(shop.a.requests).not.toContain("/charge a2");
  },
  failAfterMs,
);

test.each(["call.after", "outcome.beforeCommit"] as const)(
  "a database that falls silent at %s leaves the outcome pending, and it ends paid",
  async (step) => {
    const { pay } = node({ lease: "1s", ...silentAt(step) });
    expect(await pay.run({ id: step, amount: 1 }, { key: step })).toMatchObject({ status: "pending" });
    proxy.silent = false;
    const other = shop.node();
    other.ledger.start();
    await shop.settled(other);
    expect(await shop.status(step)).toBe("paid");
    expect(shop.a.activeCharges(step)).toBe(1);
  },
  failAfterMs,
);

test(
  "a function whose own statement is never answered ends with the lease",
  async () => {
    const { pay } = node({
      lease: "400ms",
      definition: {
        async prepare(tx) {
          proxy.silent = true;
          await shop.database.run(tx, "select 1");
        },
      },
    });
    await expect(pay.run({ id: "a4", amount: 1 }, { key: "a4" })).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      effect: "none",
    });
  },
  failAfterMs,
);

test(
  "stop does not wait for a claim that is never answered",
  async () => {
    const { ledger, events } = node({ statementTimeout: "1h" } as never);
    ledger.start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.silent = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await ledger.stop();
    expect(events.at(-1)).toEqual({ type: "resolverStopped", released: 0 });
  },
  failAfterMs,
);

test(
  "a resolver goes on when a silent database speaks again",
  async () => {
    const survivor = node();
    survivor.ledger.start();
    proxy.silent = true;
    await expect
      .poll(() => survivor.events.some(({ type }) => type === "databaseFailed"), { timeout: 5_000 })
      .toBe(true);
    proxy.silent = false;
    proxy.down = true;
    proxy.down = false;
    shop.a.mode = { charge: "replyLost" };
    expect(await survivor.pay.run({ id: "a6", amount: 1 }, { key: "a6" })).toMatchObject({
      status: "pending",
    });
    await shop.settled(survivor, 5_000);
    expect(await shop.status("a6")).toBe("paid");
  },
  failAfterMs,
);

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StepName } from "@outrigger/ledger";
import { expect, test } from "vitest";
import { shortLease, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_workers");

/** Holds a node at a step until it is let go. */
function pausedAt(step: StepName): {
  onStep: (name: StepName) => Promise<void> | void;
  reached: Promise<void>;
  go: () => void;
} {
  let go = (): void => {};
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const onStep = (name: StepName): Promise<void> | void => {
    if (name !== step) return undefined;
    reach();
    return gate;
  };
  return { onStep, reached, go };
}

test("a worker that wakes after its lease changes nothing, and returns what the row says", async () => {
  const pause = pausedAt("call.after");
  const sleeper = shop.node({ lease: shortLease, onStep: pause.onStep });
  const running = sleeper.pay.run({ id: "z1", amount: 1 }, { key: "z1" });
  await pause.reached;
  // The provider undoes it meanwhile, so that the truth is no longer what the sleeper remembers.
  await fetch(`${shop.a.url}/cancel?key=z1`, { method: "POST" });
  const other = shop.node();
  other.ledger.start();
  await shop.settled(other);
  expect(await shop.status("z1")).toBe("void");
  pause.go();
  expect(await running).toMatchObject({ status: "abandoned", failure: { code: "CANCELLED" } });
  expect(sleeper.events).toContainEqual(expect.objectContaining({ type: "zombieStopped", fence: 1 }));
  expect(await shop.status("z1")).toBe("void");
  expect(shop.a.activeCharges("z1")).toBe(0);
  const record = await other.ledger.find({ operation: "pay", key: "z1" });
  expect(record?.history.map(({ to }) => to).slice(0, 3)).toEqual(["SENDING", "UNKNOWN", "FAILED"]);
  // What it had heard is old news, but it was about money: the provider is asked once more.
  await shop.settled(other);
  const after = await other.ledger.find({ operation: "pay", key: "z1" });
  expect(after?.history.slice(3)).toMatchObject([
    { from: "FAILED", to: "UNKNOWN", why: "lateArrival", by: "late answer" },
    { from: "UNKNOWN", to: "FAILED", why: "refused: CANCELLED" },
  ]);
  expect(await sleeper.pay.run({ id: "z1", amount: 1 }, { key: "z1" })).toMatchObject({
    status: "abandoned",
  });
});

test("of two workers that learnt different things in the same state, only the one with the lease is heard", async () => {
  const maker = shop.node({ lease: shortLease });
  shop.a.modes.set("z4", { charge: "late", lateMs: 700 });
  expect(await maker.pay.run({ id: "z4", amount: 1 }, { key: "z4" })).toMatchObject({ status: "pending" });
  const early = pausedAt("inquiry.after");
  // One slot, so that it does not take the row over from itself.
  const sleeper = shop.node({ lease: shortLease, concurrency: 1, onStep: early.onStep });
  sleeper.ledger.start();
  await early.reached;
  await shop.a.quiet();
  const late = pausedAt("inquiry.after");
  const owner = shop.node({ lease: "30s", onStep: late.onStep });
  owner.ledger.start();
  await late.reached;
  // It found nothing, long ago, and would now cancel.
  early.go();
  await expect.poll(() => sleeper.events.some(({ type }) => type === "zombieStopped")).toBe(true);
  late.go();
  await shop.settled(owner);
  expect(await shop.status("z4")).toBe("paid");
  expect(shop.a.requests).not.toContain("/cancel z4");
});

test("a worker that wakes before its send, after its lease, sends nothing", async () => {
  const pause = pausedAt("call.before");
  const sleeper = shop.node({ lease: shortLease, onStep: pause.onStep });
  const running = sleeper.pay.run({ id: "z2", amount: 1 }, { key: "z2" });
  await pause.reached;
  const other = shop.node();
  other.ledger.start();
  await shop.settled(other);
  pause.go();
  expect(await running).toMatchObject({ status: "abandoned" });
  expect(shop.a.requests).not.toContain("/charge z2");
  expect(await shop.status("z2")).toBe("void");
});

test("a worker that paused before its send, and still has the row, renews its lease and sends", async () => {
  const pause = pausedAt("call.before");
  const sleeper = shop.node({ lease: shortLease, onStep: pause.onStep });
  const running = sleeper.pay.run({ id: "z3", amount: 1 }, { key: "z3" });
  await pause.reached;
  await new Promise((resolve) => setTimeout(resolve, 600));
  pause.go();
  expect(await running).toMatchObject({ status: "committed" });
});

test("many resolvers share the work, and each operation is settled once", async () => {
  const maker = shop.node({ lease: "5s" });
  const keys = Array.from({ length: 40 }, (_, index) => `m${index}`);
  shop.a.mode = { charge: "replyLost" };
  await Promise.all(keys.map((key) => maker.pay.run({ id: key, amount: 1 }, { key })));
  const nodes = [shop.node(), shop.node(), shop.node()];
  for (const { ledger } of nodes) ledger.start();
  await shop.settled(maker);
  for (const key of keys) {
    expect(await shop.status(key)).toBe("paid");
    expect(shop.a.activeCharges(key)).toBe(1);
    expect(shop.a.requests.filter((request) => request === `/inquire ${key}`)).toHaveLength(1);
  }
});

test("no more resolutions run at a time than allowed", async () => {
  const maker = shop.node();
  shop.a.mode = { charge: "replyLost" };
  await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      maker.pay.run({ id: `c${index}`, amount: 1 }, { key: `c${index}` }),
    ),
  );
  let most = 0;
  const bounded = shop.node({
    // Half of them for the one provider that has work.
    concurrency: 6,
    onStep: async (name) => {
      if (name !== "inquiry.before") return;
      most = Math.max(most, (await bounded.ledger.snapshot()).resolving);
    },
  });
  bounded.ledger.start();
  await shop.settled(bounded);
  expect(most).toBe(3);
});

test("stop waits for running resolutions, and gives back what does not end", async () => {
  shop.a.mode = { charge: "replyLost" };
  const maker = shop.node();
  await maker.pay.run({ id: "s1", amount: 1 }, { key: "s1" });
  const pause = pausedAt("inquiry.after");
  const stuck = shop.node({ lease: "60s", drain: "50ms", onStep: pause.onStep });
  stuck.ledger.start();
  await pause.reached;
  await stuck.ledger.stop();
  expect(stuck.events).toContainEqual({ type: "resolverStopped", released: 1 });
  // Its lease would have lasted a minute.
  const other = shop.node();
  other.ledger.start();
  await shop.settled(other);
  expect(await shop.status("s1")).toBe("paid");
  pause.go();
});

test("many processes may bring the tables up to date at once", async () => {
  const schema = "ledger_fresh";
  const nodes = Array.from({ length: 6 }, () => shop.node({ schema }));
  const { version, query, table } = shop.database;
  expect(await Promise.all(nodes.map(({ ledger }) => ledger.migrate()))).toEqual(nodes.map(() => version));
  const rows = await query(`select version from ${table("migration", schema)}`);
  expect(rows.map((row) => row["version"]).sort()).toEqual(
    Array.from({ length: version }, (_, index) => index + 1),
  );
});

const killed: readonly StepName[] = [
  "intent.beforeCommit",
  "intent.afterCommit",
  "call.after",
  "outcome.beforeCommit",
  "outcome.afterCommit",
];

test("a process killed outright leaves nothing that another cannot finish", async () => {
  await Promise.all(
    killed.map(async (step) => {
      const key = `kill.${step}`;
      const child = spawn(
        process.execPath,
        [
          "--conditions=@outrigger/source",
          fileURLToPath(new URL("support/killed-worker.ts", import.meta.url)),
          JSON.stringify({ module: shop.database.module, url: shop.url, provider: shop.a.url, key, step }),
        ],
        { stdio: ["ignore", "ignore", "inherit"] },
      );
      const [, signal] = (await once(child, "exit")) as [number | null, string | null];
      expect(signal).toBe("SIGKILL");
    }),
  );
  const other = shop.node();
  other.ledger.start();
  await shop.settled(other);
  for (const step of killed) {
    const key = `kill.${step}`;
    const paid = (await shop.status(key)) === "paid";
    expect([key, paid]).toEqual([key, shop.a.activeCharges(key) === 1]);
    expect(await shop.status(key)).not.toBe("pending");
  }
  expect(await shop.status("kill.call.after")).toBe("paid");
  expect(await shop.status("kill.intent.beforeCommit")).toBeUndefined();
}, 30_000);

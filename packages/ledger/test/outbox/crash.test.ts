import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { type Arrived, notingNode, numbersOf, send } from "./support.ts";

const shop = useAnyShop("ledger_outbox_crash");
const keys = ["a", "b", "c", "d", "e"];

/** Whoever receives: tells how often each message came, and in which order. */
async function receiver(arrived: Arrived[]): Promise<{ readonly url: string; stop(): void }> {
  let requests = 0;
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://receiver");
    requests += 1;
    // Now and then it is not there: nothing of the message arrives.
    if (requests % 11 === 0) {
      response.writeHead(503).end();
      return;
    }
    arrived.push({ key: searchParams.get("key") ?? "", n: Number(searchParams.get("n")), by: "http" });
    response.writeHead(200).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("processes that are killed while they deliver lose nothing and mix up nothing; only what was under way comes twice", async () => {
  const arrived: Arrived[] = [];
  const { url, stop } = await receiver(arrived);
  const sender = notingNode(shop, [], { name: "crash" });
  const perKey = 30;
  const sent = (async () => {
    for (let n = 0; n < perKey; n += 1) for (const key of keys) await send(shop, sender, key, n);
  })();
  let kills = 0;
  const live = async (at: number): Promise<void> => {
    const { module } = shop.database;
    const given = JSON.stringify({ module, url: shop.url, receiver: url, at: String(at) });
    const file = new URL("killed-sender.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, ["--conditions=@outrigger/source", "--no-warnings", file, given], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const gone = once(child, "exit");
    await Promise.race([gone, sent.then(() => until(() => allThere(arrived, perKey)))]);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    else kills += 1;
    await gone;
  };
  // Two at a time, each of which dies at a step of its own, odd ones before a delivery, even ones after it.
  await Promise.all(
    [1, 2].map(async (offset) => {
      for (let round = 0; round < 6; round += 1) await live(offset + round * 7);
    }),
  );
  await sent;
  const survivor = live(1_000_000);
  await until(() => allThere(arrived, perKey));
  await survivor;
  stop();
  expect(kills).toBeGreaterThan(4);
  const twice = arrived.length - keys.length * perKey;
  expect(twice).toBeLessThanOrEqual(kills * 8);
  for (const key of keys) {
    const numbers = numbersOf(arrived, key);
    // Whoever drops what it has seen sees them all, in their order.
    const first = numbers.filter((n, index) => numbers.indexOf(n) === index);
    expect(first, key).toEqual(Array.from({ length: perKey }, (_, n) => n));
    // And what comes twice comes before anything later does.
    for (const [index, n] of numbers.entries())
      expect(n, `${key} ${numbers}`).toBeGreaterThanOrEqual((numbers[index - 1] ?? n) as number);
  }
}, 120_000);

const allThere = (arrived: readonly Arrived[], perKey: number): boolean =>
  keys.every((key) => new Set(numbersOf(arrived, key)).size === perKey);

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !holds(); ) {
    if (performance.now() > end) throw new Error("not within a minute");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("two workers share the keys, and each key is in one worker's hands at a time", async () => {
  const arrived: Arrived[] = [];
  const active = new Set<string>();
  let broken = 0;
  const deliver =
    (by: string) =>
    async ({
      key,
      payload,
    }: {
      readonly key: string;
      readonly payload: { readonly n: number };
    }): Promise<void> => {
      if (active.has(key)) broken += 1;
      active.add(key);
      await new Promise((resolve) => setTimeout(resolve, 2));
      active.delete(key);
      if (payload.n % 5 === 4 && !arrived.some((each) => each.key === key && each.n === -payload.n)) {
        arrived.push({ key, n: -payload.n, by });
        throw new Error("once");
      }
      arrived.push({ key, n: payload.n, by });
    };
  const one = notingNode(shop, [], { name: "shared", burst: 3, concurrency: 3, deliver: deliver("one") });
  const two = notingNode(shop, [], { name: "shared", burst: 3, concurrency: 3, deliver: deliver("two") });
  one.ledger.start();
  two.ledger.start();
  const many = Array.from({ length: 12 }, (_, index) => `s${index}`);
  await Promise.all(many.map((key) => send(shop, one, key, ...Array.from({ length: 10 }, (_, n) => n))));
  await until(() => many.every((key) => numbersOf(arrived, key).filter((n) => n >= 0).length >= 10));
  for (const key of many) {
    expect(numbersOf(arrived, key).filter((n) => n > 0 || Object.is(n, 0))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  }
  expect(broken).toBe(0);
  expect(new Set(arrived.map(({ by }) => by)).size).toBe(2);
});

test("a worker that wakes in the middle of a delivery after its lease marks nothing, and sends nothing more", async () => {
  const arrived: Arrived[] = [];
  let wake = (): void => {};
  const asleep = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let slept = (): void => {};
  const sleeping = new Promise<void>((resolve) => {
    slept = resolve;
  });
  const sleepy = notingNode(
    shop,
    arrived,
    { name: "zombie", by: "sleepy", lease: "300ms" },
    {
      // It looks once: were it to look again after its lease, it could take what it still has in hand.
      pollEvery: "1h",
      onStep: async (name) => {
        if (name !== "delivery.after") return;
        slept();
        await asleep;
      },
    },
  );
  await send(shop, sleepy, "z", 1, 2, 3);
  sleepy.ledger.start();
  await sleeping;
  const other = notingNode(shop, arrived, { name: "zombie", by: "other" });
  other.ledger.start();
  await expect.poll(() => arrived.filter(({ by }) => by === "other").map(({ n }) => n)).toEqual([1, 2, 3]);
  wake();
  await expect.poll(() => sleepy.events.some(({ type }) => type === "laneLost")).toBe(true);
  expect(arrived.map(({ n, by }) => `${n} ${by}`)).toEqual(["1 sleepy", "1 other", "2 other", "3 other"]);
});

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openOperations, type ShopStatus } from "../src/shop/status.ts";
import { type Stack, startStack } from "../src/stack.ts";
import { type OwnDatabase, ownDatabase } from "./database.ts";

let database: OwnDatabase;
let stack: Stack;
let orders = 0;

beforeAll(async () => {
  database = await ownDatabase();
  stack = await startStack({ port: 0, databaseUrl: database.url });
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  await database?.drop();
});
afterEach(async () => {
  for (const provider of stack.providers) await provider.setFault("healthy");
  await eventually(async () => expect(openOperations((await status()).ledger)).toBe(0));
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(stack.shopUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer["body"],
  };
}

async function status(): Promise<ShopStatus> {
  return (await (await fetch(`${stack.shopUrl}/status`)).json()) as ShopStatus;
}

const newOrder = (more: object = {}) => ({ orderId: `test-${++orders}`, amount: 15_000, ...more });

async function orderStatus(orderId: string): Promise<unknown> {
  const response = await fetch(`${stack.shopUrl}/orders/${orderId}`);
  return ((await response.json()) as { status: unknown }).status;
}

/** Charges and cancels of an order, over both providers. */
async function moved(orderId: string): Promise<string[]> {
  const lines = await Promise.all(stack.providers.map((each) => each.journal()));
  return lines
    .flat()
    .filter((line) => line.orderId === orderId)
    .map((line) => `${line.kind} at ${line.provider}`);
}

async function provider(name: "a" | "b"): Promise<Stack["providers"][number]> {
  return stack.providers.find((each) => each.name === name) as Stack["providers"][number];
}

/** Asks again until it holds. The bound is generous: it is how long a broken product takes to fail here. */
async function eventually(assertion: () => Promise<void>, withinMs = 40_000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(100);
    }
  }
}

describe("a checkout", () => {
  test("is paid at provider a, once, however often it is sent", async () => {
    const order = newOrder();
    const answers = await Promise.all([1, 2, 3].map(() => post("/checkout", order)));
    expect(answers.every(({ status }) => status === 200 || status === 202)).toBe(true);
    const again = await post("/checkout", order);
    expect(again).toMatchObject({ status: 200, body: { status: "paid", provider: "a", amount: 15_000 } });
    expect(await moved(order.orderId)).toEqual(["charge at a"]);
  });

  test("that is declined is unpaid, and may be paid by a later try", async () => {
    // The card's "no" is the answer; b is not asked, and could not have given it.
    await (await provider("b")).setFault("unavailable");
    const order = newOrder({ amount: 15_013 });
    const answer = await post("/checkout", order);
    expect(answer).toMatchObject({ status: 402, body: { code: expect.any(String), status: 402 } });
    expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    expect(await orderStatus(order.orderId)).toBe("unpaid");
    expect(await moved(order.orderId)).toEqual([]);
    expect((await post("/checkout", order)).status).toBe(402);
  });

  test.each(["refuse", "unavailable"] as const)(
    "goes to b when a certainly did nothing: %s",
    async (kind) => {
      await (await provider("a")).setFault(kind);
      const order = newOrder();
      expect(await post("/checkout", order)).toMatchObject({
        status: 200,
        body: { status: "paid", provider: "b" },
      });
      expect(await moved(order.orderId)).toEqual(["charge at b"]);
    },
  );

  test.each([
    ["applyThenHang", "paid", ["charge at a"]],
    ["applyThenReset", "paid", ["charge at a"]],
    ["hangBeforeApply", "unpaid", []],
    ["applyLate", "unpaid", []],
  ] as const)("is never charged at b while a may have acted: %s", async (kind, end, journal) => {
    await (await provider("a")).setFault(kind);
    const order = newOrder();
    const answer = await post("/checkout", order);
    expect([200, 202]).toContain(answer.status);
    if (answer.status === 202) {
      expect(answer.headers.get("location")).toBe(`/orders/${order.orderId}`);
      expect(answer.body["status"]).toBe("pending");
    }
    await eventually(async () => expect(await orderStatus(order.orderId)).not.toBe("pending"));
    const settled = await orderStatus(order.orderId);
    const lines = await moved(order.orderId);
    expect(lines.filter((line) => line.endsWith("b"))).toEqual([]);
    // A late charge that beats the cancel is completed instead of cancelled; both ends agree.
    if (kind === "applyLate" && settled === "paid") expect(lines).toEqual(["charge at a"]);
    else expect([settled, lines]).toEqual([end, journal]);
  });

  test("that the customer takes back while it is being paid is charged and cancelled, or not charged", async () => {
    await (await provider("a")).setFault("applyThenHang");
    const order = newOrder();
    const answer = post("/checkout", order);
    await eventually(async () => expect(await moved(order.orderId)).toEqual(["charge at a"]));
    const withdrawn = await post(`/orders/${order.orderId}/withdrawal`, undefined, { headers: {} });
    expect(withdrawn).toMatchObject({ status: 202, body: { status: "pending" } });
    await answer;
    await (await provider("a")).setFault("healthy");
    await eventually(async () => expect(await orderStatus(order.orderId)).toBe("unpaid"));
    expect(await moved(order.orderId)).toEqual(["charge at a", "cancel at a"]);

    const paid = newOrder();
    await post("/checkout", paid);
    const late = await post(`/orders/${paid.orderId}/withdrawal`, undefined, { headers: {} });
    expect(late).toMatchObject({ status: 409, body: { code: "ORDER_PAID" } });
    const nothing = await post("/orders/nothing/withdrawal", undefined, { headers: {} });
    expect(nothing.status).toBe(404);
  });

  test("is rejected with 503 and Retry-After, and nothing stored as open, when both providers are down", async () => {
    for (const each of stack.providers) await each.setFault("refuse");
    const order = newOrder();
    const answer = await post("/checkout", order);
    expect(answer).toMatchObject({ status: 503, body: { status: 503, title: "Payment unavailable" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await orderStatus(order.orderId)).toBe("unpaid");
    await (await provider("b")).setFault("healthy");
    await eventually(async () => expect((await post("/checkout", order)).status).toBe(200));
    expect((await moved(order.orderId)).length).toBe(1);
  });

  test("is settled after the shop was killed in the middle of it", async () => {
    await (await provider("a")).setFault("applyThenHang");
    const order = newOrder();
    const answer = post("/checkout", order).catch(() => "connection lost");
    await eventually(async () => expect(await moved(order.orderId)).toEqual(["charge at a"]));
    await stack.shop.kill();
    expect(await answer).toBe("connection lost");
    await (await provider("a")).setFault("healthy");
    await eventually(async () => expect(await orderStatus(order.orderId)).toBe("paid"));
    expect(await moved(order.orderId)).toEqual(["charge at a"]);
  });
});

describe("while provider a hangs", () => {
  test("no database connection is held by a waiting call, and what does not need a is answered before a is", async () => {
    const a = await provider("a");
    await a.setFault("hangBeforeApply");
    let waiting = 30;
    const slow = Array.from({ length: waiting }, () =>
      post("/checkout", newOrder()).finally(() => {
        waiting -= 1;
      }),
    );
    await eventually(async () => {
      const { integrations, lanes } = await status();
      const inFlight = integrations.find(({ name }) => name === "provider-a")?.concurrency?.inUse ?? 0;
      expect(inFlight).toBeGreaterThanOrEqual(20);
      expect(lanes.outrigger.database).toMatchObject({ inUse: 0, waiting: 0 });
    });
    const took: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const startedAtMs = performance.now();
      expect((await fetch(`${stack.shopUrl}/health`)).status).toBe(200);
      const transfer = await post("/checkout", newOrder({ method: "transfer" }));
      expect(transfer).toMatchObject({ status: 200, body: { provider: "b" } });
      took.push((performance.now() - startedAtMs) / 2);
    }
    // Not a bound on speed: a shop that is held hostage answers these only after the hanging ones.
    expect(waiting).toBe(30);
    console.log(`beside 30 hanging checkouts: ${took.map((ms) => ms.toFixed(1)).join(", ")} ms each`);
    await Promise.all(slow);
  });

  test("the bare lane runs out of database connections: the difference that the test above proves", async () => {
    await (await provider("a")).setFault("hangBeforeApply");
    const slow = Array.from({ length: 15 }, () => post("/bare/checkout", newOrder()));
    await eventually(async () => {
      expect((await status()).lanes.bare.database).toEqual({ connections: 10, inUse: 10, waiting: 5 });
    });
    await (await provider("a")).setFault("healthy");
    await Promise.all(slow);
  });
});

test("a database session that dies during a bare checkout costs that checkout, not the shop", async () => {
  await (await provider("a")).setFault("hangBeforeApply");
  const restarts = stack.shop.restarts;
  const answer = post("/bare/checkout", newOrder());
  const admin = new pg.Client({ connectionString: stack.databaseUrl });
  await admin.connect();
  await eventually(async () => {
    const ended = await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and state = 'idle in transaction'`,
    );
    expect(ended.rowCount).toBeGreaterThan(0);
  });
  await admin.end();
  await (await provider("a")).setFault("healthy");
  expect((await answer).status).toBe(502);
  expect(stack.shop.restarts).toBe(restarts);
});

describe("bad input is refused before anything is stored or sent", () => {
  const tooLong = "x".repeat(65);
  test.each([
    ["broken JSON", "{", 400, /JSON/],
    ["no body", "", 400, /body/i],
    ["not an object", "[]", 400, /object/],
    ["a missing amount", { orderId: "bad-1" }, 400, /"amount" is missing; give a whole number/],
    ["a negative amount", { orderId: "bad-1", amount: -5 }, 400, /"amount" must be a whole number .* from 1/],
    ["a fraction", { orderId: "bad-1", amount: 1.5 }, 400, /"amount" must be a whole number/],
    ["an amount as text", { orderId: "bad-1", amount: "5" }, 400, /"amount" must be a whole number/],
    ["an amount beyond the limit", { orderId: "bad-1", amount: 1e12 }, 400, /to 1000000000/],
    [
      "an unknown field",
      { orderId: "bad-1", amount: 5, cvc: "123" },
      400,
      /"cvc" is not a field; known fields/,
    ],
    ["a missing order id", { amount: 5 }, 400, /"orderId" is missing/],
    ["an empty order id", { orderId: "", amount: 5 }, 400, /"orderId" must be 1 to 64 characters/],
    ["an over-long order id", { orderId: tooLong, amount: 5 }, 400, /"orderId" must be 1 to 64 characters/],
    ["an order id that is not ASCII", { orderId: "주문-1", amount: 5 }, 400, /"orderId" must be 1 to 64/],
    ["an order id with a line break", { orderId: "a\nb", amount: 5 }, 400, /"orderId" must be 1 to 64/],
    ["an unknown method", { orderId: "bad-1", amount: 5, method: "cash" }, 400, /"method" must be "card"/],
    [
      "an unknown currency",
      { orderId: "bad-1", amount: 5, currency: "EUR" },
      400,
      /"currency" must be "KRW"/,
    ],
    ["a body of 20 kB", { orderId: "bad-1", amount: 5, note: "x".repeat(20_000) }, 413, /large/i],
  ])("%s", async (_name, body, code, detail) => {
    for (const path of ["/checkout", "/bare/checkout"]) {
      const answer = await post(path, body);
      expect(answer).toMatchObject({
        status: code,
        body: { status: code, detail: expect.stringMatching(detail) },
      });
      expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    }
    expect((await fetch(`${stack.shopUrl}/orders/bad-1`)).status).toBe(404);
    expect(await moved("bad-1")).toEqual([]);
  });

  test("another media type is refused", async () => {
    const init = { headers: { "content-type": "text/plain" } };
    expect(await post("/checkout", "orderId=1", init)).toMatchObject({ status: 415 });
  });

  test("an order id that is used again with another amount is refused, and the first order stays", async () => {
    const order = newOrder();
    await post("/checkout", order);
    const other = await post("/checkout", { ...order, amount: 99_000 });
    expect(other).toMatchObject({ status: 422, body: { field: "orderId", code: "ORDER_DIFFERS" } });
    expect(await moved(order.orderId)).toEqual(["charge at a"]);
  });

  test("an address that does not exist is a problem too", async () => {
    expect(await post("/nowhere", {})).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });
});

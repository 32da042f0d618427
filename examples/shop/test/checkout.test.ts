import { describe, expect, test } from "vitest";
import { eventually, RunningShop } from "./running-shop.ts";

// What does not depend on the database; what does is in checkout-on-each.test.ts.
const shop = new RunningShop("postgres");

describe("a checkout", () => {
  test.each(["refuse", "unavailable"] as const)(
    "goes to b when a certainly did nothing: %s",
    async (kind) => {
      await shop.provider("a").setFault(kind);
      const order = shop.newOrder();
      expect(await shop.post("/checkout", order)).toMatchObject({
        status: 200,
        body: { status: "paid", provider: "b" },
      });
      expect(await shop.moved(order.orderId)).toEqual(["charge at b"]);
    },
  );

  test.each([
    ["applyThenHang", "paid", ["charge at a"]],
    ["applyThenReset", "paid", ["charge at a"]],
    ["hangBeforeApply", "unpaid", []],
    ["applyLate", "unpaid", []],
  ] as const)("is never charged at b while a may have acted: %s", async (kind, end, journal) => {
    await shop.provider("a").setFault(kind);
    const order = shop.newOrder();
    const answer = await shop.post("/checkout", order);
    expect([200, 202]).toContain(answer.status);
    if (answer.status === 202) {
      expect(answer.headers.get("location")).toBe(`/orders/${order.orderId}`);
      expect(answer.body["status"]).toBe("pending");
    }
    await eventually(async () => expect(await shop.orderStatus(order.orderId)).not.toBe("pending"));
    const settled = await shop.orderStatus(order.orderId);
    const lines = await shop.moved(order.orderId);
    expect(lines.filter((line) => line.endsWith("b"))).toEqual([]);
    // A late charge that beats the cancel is completed instead of cancelled; both ends agree.
    if (kind === "applyLate" && settled === "paid") expect(lines).toEqual(["charge at a"]);
    else expect([settled, lines]).toEqual([end, journal]);
  });

  test("is rejected with 503 and Retry-After, and nothing stored as open, when both providers are down", async () => {
    for (const each of shop.stack.providers) await each.setFault("refuse");
    const order = shop.newOrder();
    const answer = await shop.post("/checkout", order);
    expect(answer).toMatchObject({ status: 503, body: { status: 503, title: "Payment unavailable" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await shop.orderStatus(order.orderId)).toBe("unpaid");
    await shop.provider("b").setFault("healthy");
    await eventually(async () => expect((await shop.post("/checkout", order)).status).toBe(200));
    expect((await shop.moved(order.orderId)).length).toBe(1);
  });
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
      const answer = await shop.post(path, body);
      expect(answer).toMatchObject({
        status: code,
        body: { status: code, detail: expect.stringMatching(detail) },
      });
      expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    }
    expect((await fetch(`${shop.stack.shopUrl}/orders/bad-1`)).status).toBe(404);
    expect(await shop.moved("bad-1")).toEqual([]);
  });

  test("another media type is refused", async () => {
    const init = { headers: { "content-type": "text/plain" } };
    expect(await shop.post("/checkout", "orderId=1", init)).toMatchObject({ status: 415 });
  });

  test("an order id that is used again with another amount is refused, and the first order stays", async () => {
    const order = shop.newOrder();
    await shop.post("/checkout", order);
    const other = await shop.post("/checkout", { ...order, amount: 99_000 });
    expect(other).toMatchObject({ status: 422, body: { field: "orderId", code: "ORDER_DIFFERS" } });
    expect(await shop.moved(order.orderId)).toEqual(["charge at a"]);
  });

  test("an address that does not exist is a problem too", async () => {
    expect(await shop.post("/nowhere", {})).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });
});

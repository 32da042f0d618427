import { describe, expect, test } from "vitest";
import type { Order } from "./order.ts";
import { assertCancelled, chargeFrom, inquiryFrom } from "./provider-answers.ts";

const order: Order = { orderId: "o-1", amount: 1_500, currency: "KRW", method: "card" };
const key = "o-1.1";
const charge = { chargeId: "c", key, orderId: "o-1", amount: 1_500, currency: "KRW", status: "approved" };
const unclear = expect.objectContaining({ code: "ANSWER_MISMATCH", effect: "unknown" });

test("an approved charge of this order, key, amount and currency is taken", () => {
  expect(chargeFrom(charge, order, key)).toBe(charge);
  expect(inquiryFrom({ charges: [charge] }, order, key)).toEqual({ status: "found", result: charge });
});

test.each([
  ["nothing", null],
  ["an error page", "<html>"],
  ["an empty object", {}],
  ["still in progress", { status: "pending" }],
  ["declined with a 200", { ...charge, status: "declined" }],
  ["cancelled", { ...charge, status: "cancelled" }],
  ["of another key", { ...charge, key: "o-1.2" }],
  ["of another order", { ...charge, orderId: "o-2" }],
  ["of another amount", { ...charge, amount: 15_000 }],
  ["in another currency", { ...charge, currency: "USD" }],
])("an answer that is %s leaves the outcome unknown", (_name, answer) => {
  expect(() => chargeFrom(answer, order, key)).toThrow(unclear);
});

describe("an inquiry", () => {
  test("that lists only other keys has not found this one yet", () => {
    const other = { ...charge, key: "o-1.2" };
    expect(inquiryFrom({ charges: [other] }, order, key)).toEqual({ status: "notFound" });
    expect(inquiryFrom({ charges: [] }, order, key)).toEqual({ status: "notFound" });
  });

  test("that shows the charge cancelled says that nothing is charged", () => {
    const cancelled = { ...charge, status: "cancelled" };
    expect(inquiryFrom({ charges: [cancelled] }, order, key)).toMatchObject({ status: "refused" });
  });

  test.each([
    null,
    {},
    "x",
    { charges: [{ ...charge, amount: 1 }] },
    { charges: [{ ...charge, status: "new" }] },
  ])("that makes no sense is no evidence: %j", (answer) => {
    expect(() => inquiryFrom(answer, order, key)).toThrow(unclear);
  });
});

test.each([null, {}, { status: "rejected", key }, { status: "cancelled", key: "o-1.2" }])(
  "a cancel is believed only when it says so for this key: %j is not enough",
  (answer) => {
    expect(() => assertCancelled(answer, key)).toThrow(unclear);
    assertCancelled({ status: "cancelled", key }, key);
    assertCancelled({ status: "blocked", key }, key);
  },
);

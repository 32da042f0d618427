import { expect, test } from "vitest";
import { defectOf, type JournalLine, OrderBook } from "./order-book.ts";

function line(kind: JournalLine["kind"], orderId: string, key: string): JournalLine {
  return { at: "2026-01-01T00:00:00.000Z", provider: "a", kind, key, orderId, amount: 100, currency: "KRW" };
}

test.each([
  ["paid", 1, undefined],
  ["unpaid", 0, undefined],
  ["pending", 0, undefined],
  ["pending", 1, undefined],
  ["paid", 0, "orderWithoutCharge"],
  ["unpaid", 1, "chargedWithoutOrder"],
  ["paid", 2, "chargedTwice"],
  ["unpaid", 2, "chargedTwice"],
  ["pending", 2, "chargedTwice"],
] as const)("an order that is %s with %i active charges has the defect %s", (status, active, defect) => {
  expect(defectOf(status, active)).toBe(defect);
});

test("a charge that was cancelled and made again under another key is one charge", () => {
  const book = new OrderBook();
  book.order("o", "outrigger", "paid");
  for (const each of [line("charge", "o", "1"), line("cancel", "o", "1"), line("charge", "o", "2")]) {
    book.journal(each, "outrigger");
  }
  expect(book.counts("outrigger")).toMatchObject({
    orders: 1,
    paid: 1,
    chargedTwice: 0,
    orderWithoutCharge: 0,
  });
});

test("a charge of an order that the shop forgot is found, and a second one changes its defect", () => {
  const book = new OrderBook();
  book.journal(line("charge", "lost", "anon-1"), "bare");
  expect(book.counts("bare")).toMatchObject({ orders: 1, unpaid: 1, chargedWithoutOrder: 1 });
  book.journal(line("charge", "lost", "anon-2"), "bare");
  expect(book.counts("bare")).toMatchObject({ chargedWithoutOrder: 0, chargedTwice: 1 });
  expect([...book.defects()]).toEqual([{ orderId: "lost", lane: "bare", defect: "chargedTwice" }]);
});

test("an order that changes its state is counted once, where it is now", () => {
  const book = new OrderBook();
  book.order("o", "bare", "pending");
  book.order("o", "bare", "paid");
  expect(book.counts("bare")).toMatchObject({ orders: 1, pending: 0, paid: 1, orderWithoutCharge: 1 });
});

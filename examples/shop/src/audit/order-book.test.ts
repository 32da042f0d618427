import { expect, test } from "vitest";
import { defectOf, type JournalLine, OrderBook, type OrderLine } from "./order-book.ts";

const paid: OrderLine = {
  orderId: "o",
  lane: "outrigger",
  amount: 100,
  currency: "KRW",
  status: "paid",
  provider: "a",
};
const unpaid: OrderLine = { ...paid, status: "unpaid", provider: null };
const pending: OrderLine = { ...unpaid, status: "pending" };

function line(kind: JournalLine["kind"], key: string, more: Partial<JournalLine> = {}): JournalLine {
  const at = "2026-01-01T00:00:00.000Z";
  return { at, provider: "a", kind, key, orderId: "o", amount: 100, currency: "KRW", ...more };
}

const charge = line("charge", "1");
const second = line("charge", "2", { provider: "b" });

test.each([
  ["paid and charged", paid, [charge], undefined],
  ["unpaid and not charged", unpaid, [], undefined],
  ["unknown to the shop and not charged", undefined, [], undefined],
  ["pending and not charged", pending, [], undefined],
  ["pending and charged", pending, [charge], undefined],
  ["paid and not charged", paid, [], "orderWithoutCharge"],
  ["unpaid and charged", unpaid, [charge], "chargedWithoutOrder"],
  ["unknown to the shop and charged", undefined, [charge], "chargedWithoutOrder"],
  ["paid and charged at both providers", paid, [charge, second], "chargedTwice"],
  ["unpaid and charged at both providers", unpaid, [charge, second], "chargedTwice"],
  ["pending and charged at both providers", pending, [charge, second], "chargedTwice"],
  ["charged ten times as much", paid, [line("charge", "1", { amount: 1_000 })], "chargedWithoutOrder"],
  ["charged in another currency", paid, [line("charge", "1", { currency: "USD" })], "chargedWithoutOrder"],
  ["charged elsewhere than it says", paid, [line("charge", "1", { provider: "b" })], "chargedWithoutOrder"],
] as const)("an order that is %s", (_name, order, charges, defect) => {
  expect(defectOf(order, charges)).toBe(defect);
});

test("a charge that was cancelled and made again under another key is one charge", () => {
  const book = new OrderBook();
  book.order(paid);
  for (const each of [charge, line("cancel", "1"), line("charge", "2")]) book.journal(each, "outrigger");
  expect(book.counts("outrigger")).toMatchObject({
    orders: 1,
    paid: 1,
    chargedTwice: 0,
    orderWithoutCharge: 0,
  });
});

test("a cancel undoes the charge of its own key and provider only", () => {
  const book = new OrderBook();
  for (const each of [charge, second, line("cancel", "1", { provider: "b" })]) book.journal(each, "bare");
  expect(book.counts("bare").chargedTwice).toBe(1);
});

test("a charge of an order that the shop forgot is found, and a second one changes its defect", () => {
  const book = new OrderBook();
  book.journal(line("charge", "anon-1", { orderId: "lost" }), "bare");
  expect(book.counts("bare")).toMatchObject({ orders: 1, unpaid: 1, chargedWithoutOrder: 1 });
  book.journal(line("charge", "anon-2", { orderId: "lost" }), "bare");
  expect(book.counts("bare")).toMatchObject({ chargedWithoutOrder: 0, chargedTwice: 1 });
  expect([...book.defects()]).toEqual([{ orderId: "lost", lane: "bare", defect: "chargedTwice" }]);
});

test("an order that changes its state is counted once, where it is now", () => {
  const book = new OrderBook();
  book.order({ ...pending, lane: "bare" });
  book.order({ ...paid, lane: "bare" });
  expect(book.counts("bare")).toMatchObject({ orders: 1, pending: 0, paid: 1, orderWithoutCharge: 1 });
});

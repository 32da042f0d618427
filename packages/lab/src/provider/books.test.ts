import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Books } from "./books.ts";

let folder: string;
let books: Books;

const order = { orderId: "order-1", amount: 1_000, currency: "KRW" };
const open = (): Books => new Books("a", join(folder, "journal.ndjson"), () => Date.UTC(2026, 0, 1));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lab-books-"));
  books = open();
});

afterEach(() => {
  books.close();
  rmSync(folder, { recursive: true });
});

function restart(): void {
  books.close();
  books = open();
}

function journal(): unknown[] {
  const text = readFileSync(join(folder, "journal.ndjson"), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test("a key charges once, however often it comes and whether or not the provider started again in between", () => {
  const first = books.charge(order, "key-1");
  expect(first).toEqual({
    status: "approved",
    charge: { ...order, chargeId: "a-1", key: "key-1", status: "approved" },
  });
  expect(books.charge(order, "key-1")).toEqual(first);
  restart();
  expect(books.charge(order, "key-1")).toEqual(first);
  expect(journal()).toEqual([
    { at: "2026-01-01T00:00:00.000Z", provider: "a", kind: "charge", key: "key-1", ...order },
  ]);
});

test.each([{ orderId: "order-2" }, { amount: 1_001 }, { currency: "USD" }])(
  "a key that comes again with %j instead is refused, also after a restart",
  (change) => {
    books.charge(order, "key-1");
    expect(books.charge({ ...order, ...change }, "key-1")).toEqual({ status: "keyReused" });
    restart();
    expect(books.charge({ ...order, ...change }, "key-1")).toEqual({ status: "keyReused" });
    expect(journal()).toHaveLength(1);
  },
);

test("without a key every call charges, under a key that the journal makes up", () => {
  books.charge(order, undefined);
  books.charge(order, "key-1");
  books.charge({ ...order, orderId: "order-2" }, undefined);
  restart();
  books.charge(order, undefined);
  expect(journal()).toMatchObject([
    { key: "anon-1" },
    { key: "key-1" },
    { key: "anon-3" },
    { key: "anon-4" },
  ]);
  expect(books.chargesOf("order-1").map((charge) => charge.chargeId)).toEqual(["a-1", "a-2", "a-4"]);
});

test("an amount that ends in 13 is declined, leaves no trace in the journal, and binds its key", () => {
  const declined = { ...order, amount: 50_013 };
  expect(books.charge(declined, "key-1")).toEqual({ status: "declined" });
  expect(books.charge(declined, undefined)).toEqual({ status: "declined" });
  restart();
  expect(books.charge(declined, "key-1")).toEqual({ status: "declined" });
  expect(books.charge(order, "key-1")).toEqual({ status: "keyReused" });
  expect(books.charge({ ...order, amount: 1_312 }, "key-2").status).toBe("approved");
  expect(journal()).toHaveLength(1);
});

test("cancelling reverses the charge once, and its key never reads approved again", () => {
  books.charge(order, "key-1");
  expect(books.cancel("key-1", "order-1").status).toBe("cancelled");
  expect(books.cancel("key-1", "order-1").status).toBe("cancelled");
  restart();
  expect(books.cancel("key-1", "order-1").status).toBe("cancelled");
  expect(books.charge(order, "key-1")).toEqual({ status: "keyCancelled" });
  expect(books.chargesOf("order-1")).toMatchObject([{ chargeId: "a-1", status: "cancelled" }]);
  expect(journal()).toMatchObject([
    { kind: "charge", key: "key-1" },
    { kind: "cancel", key: "key-1", amount: 1_000 },
  ]);
  expect(books.counts).toEqual({ charges: 1, cancels: 1, blocked: 0 });
});

test("cancelling a key that is not known yet blocks it for ever, without a line in the journal", () => {
  expect(books.cancel("key-1", "order-1")).toEqual({ status: "blocked" });
  expect(books.cancel("key-1", "order-1")).toEqual({ status: "blocked" });
  expect(books.charge(order, "key-1")).toEqual({ status: "keyCancelled" });
  restart();
  expect(books.charge(order, "key-1")).toEqual({ status: "keyCancelled" });
  expect(books.blockedKeys).toMatchObject([{ kind: "blocked", key: "key-1", orderId: "order-1" }]);
  expect(books.counts).toEqual({ charges: 0, cancels: 0, blocked: 1 });
  expect(journal()).toEqual([]);
});

test("a declined key can be blocked as well", () => {
  books.charge({ ...order, amount: 13 }, "key-1");
  expect(books.cancel("key-1", "order-1")).toEqual({ status: "blocked" });
  restart();
  expect(books.charge({ ...order, amount: 13 }, "key-1")).toEqual({ status: "keyCancelled" });
});

test("a cancel that names another order than the key's changes nothing", () => {
  books.charge(order, "key-1");
  books.cancel("key-2", "order-2");
  expect(books.cancel("key-1", "order-9")).toEqual({ status: "otherOrder" });
  expect(books.cancel("key-2", "order-9")).toEqual({ status: "otherOrder" });
  expect(books.charge(order, "key-1").status).toBe("approved");
});

import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { databaseErrorOf, isLost, isTransient, sqlStateOf } from "./postgres-errors.ts";

const coded = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  "08006",
  "40001",
  "40P01",
  "53300",
  "55P03",
  "57014",
  "57P01",
  "58030",
  "25P03",
  "ECONNRESET",
  "CONNECT_TIMEOUT",
])("%s may be tried again", (code) => {
  expect(isTransient(coded(code))).toBe(true);
});

test.each(["23505", "22P02", "42P01", "25P02", "P0001", "P2002", "P2010", "ENOENT"])("%s may not", (code) => {
  expect(isTransient(coded(code))).toBe(false);
});

test.each([
  ["cause", (inner: unknown) => new Error("Failed query", { cause: inner })],
  ["driverError", (inner: unknown) => Object.assign(new Error("QueryFailedError"), { driverError: inner })],
  ["original", (inner: unknown) => Object.assign(new Error("DatabaseError"), { original: inner })],
  [
    "Prisma's meta",
    (inner: unknown) =>
      Object.assign(coded("P2010"), {
        meta: { driverAdapterError: Object.assign(new Error("x"), { cause: inner }) },
      }),
  ],
])("the database's code is found under %s", (_, wrap) => {
  const deadlock = coded("40P01");
  expect(databaseErrorOf(wrap(deadlock))).toBe(deadlock);
  expect(sqlStateOf(wrap({ originalCode: "40P01", kind: "TransactionWriteConflict" }))).toBe("40P01");
  expect(isTransient(wrap(deadlock))).toBe(true);
  expect(isLost(wrap(deadlock))).toBe(false);
  expect(isLost(wrap(new Error("Connection terminated unexpectedly")))).toBe(true);
});

test("a connection is gone after a shutdown, and not after a statement that was cancelled", () => {
  expect(
    ["57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "08003"].map((code) => isLost(coded(code))),
  ).toEqual(Array(7).fill(true));
  expect(["57014", "25P02", "25P01", "40001"].map((code) => isLost(coded(code)))).toEqual(
    Array(4).fill(false),
  );
});

test("anything that is thrown can be asked", () => {
  const wild = {
    get code(): never {
      throw new Error("no");
    },
  };
  const ring: { cause?: unknown } = {};
  ring.cause = ring;
  for (const thrown of [undefined, null, "x", 7, wild, ring, new Proxy({}, { get: () => ring })]) {
    expect(isTransient(thrown)).toBe(false);
    expect(databaseErrorOf(thrown)).toBe(thrown);
  }
  expect(
    isTransient(new Failure("no", { code: "TRANSACTION_ABORTED", effect: "none", cause: coded("25P02") })),
  ).toBe(false);
});

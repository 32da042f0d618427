import fc from "fast-check";
import { expect, test } from "vitest";
import { decimalOf, exact, exactAmount, plus } from "./amount.ts";

test.each([
  ["10.50", "EUR", "10.5"],
  ["0010", "EUR", "10"],
  [10.5, "EUR", "10.5"],
  [1050n, "KRW", "1050"],
  ["-0.00", "EUR", "0"],
  ["-3.10", undefined, "-3.1"],
  [1000, "KRW", "1000"],
  ["1.234", "KWD", "1.234"],
])("%s %s is %s", (amount, currency, written) => {
  expect(exactAmount("amount", amount, currency)).toBe(written);
});

test.each([
  [0.1 + 0.2, "EUR", "more digits than EUR, which has 2"],
  ["1.5", "KRW", "more digits than KRW, which has 0"],
  [2 ** 53, "EUR", "larger than a number keeps exactly"],
  [Number.NaN, "EUR", "must be a decimal"],
  [1e-7, undefined, "must be a decimal"],
  ["1,000.00", "EUR", "must be a decimal"],
  ["", "EUR", "must be a decimal"],
  [null, "EUR", "must be a decimal"],
  ["1.5", "euro", "a currency is three letters"],
])("%s %s is refused, because it is not exact or no amount", (amount, currency, problem) => {
  expect(() => exactAmount("row.amount", amount, currency)).toThrow(problem);
  expect(() => exactAmount("row.amount", amount, currency)).toThrow("row.amount");
});

test("sums are exact, whatever the scales", () => {
  const cents = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });
  const amount = fc.tuple(cents, fc.integer({ min: 0, max: 6 })).map(([units, scale]) => ({ units, scale }));
  fc.assert(
    fc.property(fc.array(amount), (amounts) => {
      const sum = amounts.map((each) => exact(decimalOf(each))).reduce(plus, { units: 0n, scale: 0 });
      const micros = amounts.reduce((all, { units, scale }) => all + units * 10n ** BigInt(6 - scale), 0n);
      expect(decimalOf(sum)).toBe(decimalOf({ units: micros, scale: 6 }));
    }),
  );
});

import { expect, test } from "vitest";
import { pick, seededRandom, shuffled } from "./seeded-random.ts";

const take = (seed: number, count: number): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
};

test("a seed gives the same numbers on every machine, in every version", () => {
  // mulberry32 in 32-bit integers; a change here changes every storm that was ever recorded.
  expect(take(7, 4).map((number) => number * 2 ** 32)).toEqual([
    50_271_532, 266_108_690, 4_195_786_334, 3_002_305_430,
  ]);
  expect(take(0, 2).map((number) => number * 2 ** 32)).toEqual([1_144_304_738, 1_416_247]);
});

test("only the lowest 32 bits of a seed count", () => {
  expect(take(2 ** 32 + 7, 3)).toEqual(take(7, 3));
  expect(take(-1, 3)).toEqual(take(2 ** 32 - 1, 3));
});

test("numbers lie in [0, 1) and fill ten tenths evenly", () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const number of take(20_260_101, 100_000)) {
    const tenth = Math.floor(number * 10);
    tenths[tenth] = (tenths[tenth] ?? Number.NaN) + 1;
  }
  // Five standard deviations (95 each); a fixed seed, so this holds always or never.
  for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(475);
});

test("shuffling keeps every item, leaves the array alone, and makes every order equally likely", () => {
  const items = Object.freeze(["a", "b", "c"]);
  const random = seededRandom(3);
  const seen = new Map<string, number>();
  for (let round = 0; round < 6_000; round += 1) {
    const order = shuffled(items, random).join("");
    seen.set(order, (seen.get(order) ?? 0) + 1);
  }
  expect([...seen.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  for (const count of seen.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test("picking reaches the first and the last item, and refuses an empty array", () => {
  expect(pick(["a", "b", "c"], () => 0)).toBe("a");
  expect(pick(["a", "b", "c"], () => 0.999_999)).toBe("c");
  expect(() => pick([], () => 0)).toThrow("pick needs at least one item; got an empty array");
});

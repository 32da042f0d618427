import fc from "fast-check";
import { expect, test } from "vitest";
import { durationMs, durationText, formatDuration, show } from "./duration.ts";

test.each([
  ["250ms", 250],
  ["3s", 3_000],
  ["1.5m", 90_000],
  ["12h", 43_200_000],
  ["15d", 1_296_000_000],
  ["0.5ms", 0.5],
  ["1.005s", 1_005],
])("%s is %d milliseconds", (duration, ms) => {
  expect(durationMs("x", duration, { minMs: 0 })).toBe(ms);
});

test.each([
  [
    250,
    'timeout.read must be a duration with a unit, such as "250ms" or "3s"; got the number 250: write "250ms"',
  ],
  [Number.NaN, "got the number NaN: write a duration"],
  [-1, "got the number -1: write a duration"],
  ["250", 'such as "250ms" or "3s"; got "250"'],
  ["3 s", 'got "3 s"'],
  ["-3s", 'got "-3s"'],
  ["1e3ms", 'got "1e3ms"'],
  ["3S", 'got "3S"'],
  ["3sec", 'got "3sec"'],
  ["", 'got ""'],
  [undefined, "got undefined"],
  [null, "got null"],
  [{ seconds: 3 }, "got an object"],
  [["3s"], "got an array"],
])("%j is refused, with the path, the value and the fix", (value, message) => {
  expect(() => durationMs("timeout.read", value)).toThrow(RangeError);
  expect(() => durationMs("timeout.read", value)).toThrow(message);
  expect(() => durationMs("timeout.read", value)).toThrow("timeout.read");
});

test("a duration must lie in its range, both ends included", () => {
  const range = { minMs: 100, maxMs: 2_000 };
  expect(durationMs("x", "100ms", range)).toBe(100);
  expect(durationMs("x", "2s", range)).toBe(2_000);
  expect(() => durationMs("x", "99ms", range)).toThrow('x must lie between 100ms and 2s; got "99ms"');
  expect(() => durationMs("x", "2001ms", range)).toThrow('got "2001ms"');
  expect(() => durationMs("x", "0ms")).toThrow("between 1ms and");
  expect(() => durationMs("x", "36501d")).toThrow("and 36500d");
});

test("every whole number of milliseconds is written in the shortest way that reads back exactly", () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 36_500 * units.d }),
    ...Object.values(units).map((size) => fc.integer({ min: 1, max: 500 }).map((count) => count * size)),
  );
  fc.assert(
    fc.property(lengths, (ms) => {
      const written = formatDuration(ms);
      expect(durationMs("x", written)).toBe(ms);
      for (const [unit, size] of Object.entries(units)) {
        if (ms % size === 0) expect(written.length).toBeLessThanOrEqual(`${ms / size}${unit}`.length);
      }
    }),
  );
});

test("durations in messages are whole and have a space", () => {
  expect([90_000, 1_234.5, 0, 86_400_000].map(durationText)).toEqual(["90 s", "1235 ms", "0 ms", "1 d"]);
});

test("a value in a message is short and never an object's content", () => {
  expect(show("x".repeat(100))).toHaveLength(62);
  expect(show('say "x"')).toBe('"say \\"x\\""');
  expect([{ secret: 1 }, [1], null, undefined, 1n, true, () => 1, Symbol("s")].map(show)).toEqual([
    "an object",
    "an array",
    "null",
    "undefined",
    "1",
    "true",
    "a function",
    "a symbol",
  ]);
});

import { expect, test } from "vitest";
import { Forecast } from "./forecast.ts";

// Ten connections, parts of half a second.
const size = 10;
const windowMs = 10_000;

/** Notes what is in use at each half second. */
function after(...inUse: readonly number[]): number | undefined {
  const forecast = new Forecast(size, windowMs);
  for (const [index, each] of inUse.entries()) forecast.note(index * 500, each);
  return forecast.exhaustedInMs((inUse.length - 1) * 500);
}

test("connections that stay out, one more each half second, are gone when the rest is", () => {
  expect(after(0, 1, 2, 3, 4)).toBe(3_000);
  expect(after(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)).toBe(500);
});

test("a pool that has none left is exhausted now", () => {
  expect(after(7, 8, 9, 10)).toBe(0);
});

test("a pool that is used evenly, however much, is told nothing of", () => {
  expect(after(9, 9, 9, 9, 9)).toBeUndefined();
  expect(after(0, 0, 0, 0)).toBeUndefined();
});

test("one connection more is no rise, and neither is one over two parts", () => {
  expect(after(0, 0, 1, 1, 1)).toBeUndefined();
  expect(after(0, 4, 8)).toBeUndefined();
});

test("traffic that comes back to its floor is no rise", () => {
  const forecast = new Forecast(size, windowMs);
  for (let part = 0; part < 40; part += 1) {
    forecast.note(part * 500, 8);
    forecast.note(part * 500 + 100, part % 2);
    forecast.note(part * 500 + 200, 9);
  }
  expect(forecast.exhaustedInMs(19_900)).toBeUndefined();
});

test("leaks show below traffic that hides them", () => {
  const forecast = new Forecast(size, windowMs);
  for (let part = 0; part < 12; part += 1) {
    const leaked = Math.floor(part / 2);
    forecast.note(part * 500, 9);
    forecast.note(part * 500 + 100, leaked);
    forecast.note(part * 500 + 200, leaked);
  }
  // A leak shows in the part after it: five in nine parts, and five connections are left.
  expect(forecast.exhaustedInMs(5_900)).toBe(4_500);
});

test("a jump to another level, which lasts, is no rise", () => {
  expect(after(0, 0, 0, 5, 5, 5, 5, 5)).toBeUndefined();
  expect(after(0, 1, 3, 5, 5, 5, 5, 5, 5, 5)).toBeUndefined();
});

test("a rise that has ended is told nothing of once the window has passed", () => {
  const forecast = new Forecast(size, windowMs);
  for (let part = 0; part < 6; part += 1) forecast.note(part * 500, part);
  expect(forecast.exhaustedInMs(2_500)).toBeDefined();
  expect(forecast.exhaustedInMs(30_000)).toBeUndefined();
});

test("a return of what was held ends the rise", () => {
  expect(after(0, 2, 4, 6, 1)).toBeUndefined();
});

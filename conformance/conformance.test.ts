import { expect, test } from "vitest";
import { outrigger } from "./libraries/outrigger.ts";
import { verdictOn } from "./run/verdict.ts";
import { ClockTime } from "./script/time.ts";
import { traps } from "./traps/index.ts";

// Our own column, in this process. What the others do, and the memory held for each call, which needs a process
// that can collect its garbage, is `npm run conformance`.
test.each(traps.map((trap) => [trap.id, trap.title, trap] as const))("%s is not: %s", async (_, __, trap) => {
  const { status, seen } = await verdictOn(trap, outrigger, () => new ClockTime());
  expect([status, ...(status === "pass" ? [] : seen)]).toEqual(["pass"]);
});

test("the traps are the 35 of the research, each with a line that says what goes wrong", () => {
  expect(traps.map(({ id }) => id)).toEqual(Array.from({ length: 35 }, (_, index) => `T${index + 1}`));
  for (const { title, meaning, cases } of traps) {
    expect(title.length).toBeLessThanOrEqual(52);
    expect(meaning).toMatch(/\.$/);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    expect(cases.some(({ aside }) => aside !== true)).toBe(true);
  }
});

import { expect, test } from "vitest";
import type { Case, FaultName } from "./cases.ts";
import { companies, type Planned } from "./plan.ts";

const planned = (fault: FaultName, afterMs: number, recoveryAfterMs?: number): Planned => ({
  of: { definition: "cancel-blocks", mode: "ok", fault },
  afterMs,
  ...(recoveryAfterMs !== undefined && { recoveryAfterMs }),
});
const sizes = (made: readonly (readonly Case[])[]): readonly number[] => made.map(({ length }) => length);

test("a company is of one fault", () => {
  const made = companies([planned("kill", 0), planned("stop", 0), planned("kill", 0)], () => 10);
  expect(made.map((company) => company.map(({ fault }) => fault))).toEqual([["kill", "kill"], ["stop"]]);
});

test("those that would wait for others are played without them", () => {
  expect(
    sizes(companies([planned("kill", 0), planned("kill", 300), planned("kill", 301)], () => 10)),
  ).toEqual([2, 1]);
  const recovering = [planned("kill", 0, 0), planned("kill", 0, 900), planned("kill", 0, 950)];
  expect(sizes(companies(recovering, () => 10))).toEqual([1, 2]);
});

test("a company that would be too large is several of about the same size", () => {
  const made = companies(
    Array.from({ length: 7 }, () => planned("kill", 0)),
    () => 3,
  );
  expect(sizes(made)).toEqual([2, 2, 3]);
});

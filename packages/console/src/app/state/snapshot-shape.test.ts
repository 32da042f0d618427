import { expect, test } from "vitest";
import { sampleHistory, sampleSnapshot } from "../../../test/sample.ts";
import { isHistory, isSnapshot } from "./snapshot-shape.ts";

const now = 1_800_000_000_000;

test("what the server sends is recognised, also after a trip through JSON", () => {
  expect(isSnapshot(JSON.parse(JSON.stringify(sampleSnapshot(now))))).toBe(true);
  expect(isHistory(JSON.parse(JSON.stringify(sampleHistory({ endAtMs: now }))))).toBe(true);
  expect(isHistory([])).toBe(true);
});

test("anything that could not be shown is refused", () => {
  const good = sampleSnapshot(now);
  const bad: unknown[] = [
    undefined,
    null,
    "text",
    [],
    {},
    { ...good, atMs: "now" },
    { ...good, shop: undefined },
    { ...good, lanes: { bare: good.lanes.bare } },
    { ...good, lanes: { ...good.lanes, outrigger: { ...good.lanes.outrigger, paid: null } } },
    { ...good, providers: {} },
    { ...good, providers: [{ name: "a" }] },
    { ...good, integrations: [{ name: "a", breaker: {} }] },
    { ...good, integrations: undefined },
  ];
  for (const value of bad) expect(isSnapshot(value), JSON.stringify(value)?.slice(0, 80)).toBe(false);
  expect(isHistory([good, {}])).toBe(false);
  expect(isHistory(good)).toBe(false);
});

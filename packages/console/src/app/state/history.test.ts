import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleHistory, sampleSnapshot } from "../../../test/sample.ts";
import type { ConsoleSnapshot } from "../../index.ts";
import { appended, defectsOf, downtimesOf, faultsOf, maxSnapshots, seriesOf, spanOf } from "./history.ts";

const now = 1_800_000_000_000;
const at = (atMs: number, change: Partial<ConsoleSnapshot> = {}): ConsoleSnapshot => ({
  ...sampleSnapshot(atMs),
  ...change,
});
const down = { shop: { up: false, restarts: 1 } };
const faulty = (fault: ConsoleSnapshot["providers"][number]["fault"]): Partial<ConsoleSnapshot> => ({
  providers: [{ name: "a", fault, charges: 0, cancels: 0 }],
});

test("the history keeps the newest snapshots up to its limit", () => {
  const full = sampleHistory({ endAtMs: now });
  expect(full).toHaveLength(maxSnapshots);
  const longer = appended(full, at(now + 500));
  expect(longer).toHaveLength(maxSnapshots);
  expect(longer.at(-1)?.atMs).toBe(now + 500);
  expect(longer[0]?.atMs).toBe(full[1]?.atMs);
});

test("a snapshot that arrives twice is kept once", () => {
  const history = appended(appended([], at(now)), at(now));
  expect(history.map(({ atMs }) => atMs)).toEqual([now]);
});

test("when the server's clock is set back, what seems to lie in the future goes", () => {
  const history = [at(now), at(now + 500), at(now + 1_000)];
  expect(appended(history, at(now + 500)).map(({ atMs }) => atMs)).toEqual([now, now + 500]);
});

test("whatever arrives, times only rise and the limit holds", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 900 }), (times) => {
      const history = times.reduce<readonly ConsoleSnapshot[]>(
        (kept, ms) => appended(kept, at(now + ms)),
        [],
      );
      const kept = history.map(({ atMs }) => atMs);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      expect(kept.length).toBeLessThanOrEqual(maxSnapshots);
      if (times.length > 0) expect(kept.at(-1)).toBe(now + (times.at(-1) ?? 0));
    }),
    { numRuns: 50 },
  );
});

test("a lane's defects are the sum of the three kinds", () => {
  const { bare } = sampleSnapshot(now).lanes;
  expect(defectsOf({ ...bare, chargedTwice: 1, chargedWithoutOrder: 20, orderWithoutCharge: 300 })).toBe(321);
});

test("the chart's time is in seconds before the newest snapshot", () => {
  expect(seriesOf([at(now), at(now + 500), at(now + 2_500)]).x).toEqual([-2.5, -2, 0]);
  expect(seriesOf([]).x).toEqual([]);
});

test("every line is interrupted while the shop is down", () => {
  const series = seriesOf([at(now), at(now + 500, down), at(now + 1_000)]);
  const lines = [
    series.p99.bare,
    series.p99.outrigger,
    series.defects.bare,
    series.defects.outrigger,
    series.pending,
  ];
  for (const line of lines) {
    expect(line[0]).not.toBeNull();
    expect(line[1]).toBeNull();
    expect(line[2]).not.toBeNull();
  }
});

test("every line is interrupted where snapshots are missing, but not by a slow one", () => {
  expect(seriesOf([at(now), at(now + 3_000)]).p99.bare).not.toContain(null);
  const { x, p99 } = seriesOf([at(now), at(now + 3_001)]);
  expect(x).toHaveLength(3);
  expect(p99.bare[1]).toBeNull();
});

test("a fault is one stretch from its first snapshot to the first one without it", () => {
  const kinds = ["healthy", "slow", "slow", "healthy", "down", "refuse"] as const;
  const history = kinds.map((kind, index) => at(now + index * 1_000, faulty(kind)));
  expect(faultsOf(history, "a")).toEqual([
    { kind: "slow", from: -4, to: -2 },
    { kind: "down", from: -1, to: 0 },
    { kind: "refuse", from: 0, to: 0 },
  ]);
  expect(faultsOf(history, "nobody")).toEqual([]);
});

test("a fault that lasts reaches to now, and downtime is found the same way", () => {
  expect(faultsOf([at(now, faulty("slow")), at(now + 9_000, faulty("slow"))], "a")).toEqual([
    { kind: "slow", from: -9, to: 0 },
  ]);
  expect(downtimesOf([at(now), at(now + 1_000, down), at(now + 3_000)])).toEqual([
    { kind: "down", from: -2, to: 0 },
  ]);
});

test("the chart's span grows in steps up to five minutes", () => {
  const spans = [0, 60_000, 60_500, 121_000, 181_000, 900_000].map((ms) => spanOf([at(now), at(now + ms)]));
  expect(spans).toEqual([60, 60, 120, 180, 300, 300]);
});

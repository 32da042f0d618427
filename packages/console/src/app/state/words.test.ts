import { expect, test } from "vitest";
import { sampleSnapshot } from "../../../test/sample.ts";
import type { ConsoleSnapshot, FaultKind, LaneSnapshot } from "../../index.ts";
import { en } from "../i18n/en.ts";
import { ko } from "../i18n/ko.ts";
import { hintFor } from "./hint.ts";
import { newsBetween } from "./news.ts";

const base = sampleSnapshot(1_800_000_000_000);
const clean: LaneSnapshot = {
  ...base.lanes.bare,
  chargedTwice: 0,
  chargedWithoutOrder: 0,
  orderWithoutCharge: 0,
};
const calm: ConsoleSnapshot = {
  ...base,
  traffic: { perSecond: 5 },
  lanes: { bare: clean, outrigger: clean },
  providers: [{ name: "a", fault: "healthy", charges: 0, cancels: 0 }],
  integrations: base.integrations.map((integration) => ({
    ...integration,
    breaker: { ...integration.breaker, state: "closed" as const },
  })),
};
const damaged = { bare: { ...clean, chargedTwice: 1 }, outrigger: clean };
const faulty = (fault: FaultKind | "down"): ConsoleSnapshot["providers"] => [
  { name: "a", fault, charges: 0, cancels: 0 },
];

test("the hint leads from an empty shop to the comparison", () => {
  expect(hintFor({ ...calm, traffic: { perSecond: 0 } })).toBe("letCustomersIn");
  expect(hintFor(calm)).toBe("breakOne");
  expect(hintFor({ ...calm, providers: faulty("applyThenHang") })).toBe("wait");
  expect(hintFor({ ...calm, providers: faulty("applyThenHang"), lanes: damaged })).toBe("compare");
  expect(hintFor({ ...calm, lanes: damaged })).toBe("compare");
});

test("a killed shop comes before every other hint", () => {
  expect(hintFor({ ...calm, traffic: { perSecond: 0 }, shop: { up: false, restarts: 0 } })).toBe("shopDown");
});

test("numbers that move are no news", () => {
  const busier = { ...calm, lanes: { ...calm.lanes, bare: { ...clean, orders: 99_999, p99Ms: 1 } } };
  expect(newsBetween(calm, busier, en)).toEqual([]);
});

test("changes of state are news, in the reader's language", () => {
  const worse: ConsoleSnapshot = {
    ...calm,
    shop: { up: false, restarts: 0 },
    providers: faulty("slow"),
    lanes: damaged,
    integrations: calm.integrations.map((integration) => ({
      ...integration,
      breaker: { ...integration.breaker, state: "open" as const },
    })),
  };
  expect(newsBetween(calm, worse, en)).toEqual([
    "The shop is down.",
    "Provider a: Slow.",
    "Circuit of pay-a: Open.",
    "Circuit of pay-b: Open.",
    "First defect in the lane Bare.",
  ]);
  expect(newsBetween(worse, calm, ko)).toEqual([
    "상점이 다시 동작합니다.",
    "결제사 a: 정상.",
    "pay-a 서킷: 닫힘.",
    "pay-b 서킷: 닫힘.",
  ]);
});

test("a provider or an integration that appears is no news", () => {
  expect(
    newsBetween({ ...calm, providers: [], integrations: [] }, { ...calm, providers: faulty("slow") }, en),
  ).toEqual([]);
});

import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import {
  type BreakerOptions,
  type BreakerRules,
  type CircuitBreaker,
  circuitBreaker,
  execute,
  keyedBreaker,
} from "../index.ts";
import { changedRules } from "./breaker-options.ts";

async function fail(policy: CircuitBreaker, clock: VirtualClock, times: number): Promise<void> {
  for (let call = 0; call < times; call += 1) {
    await execute(
      policy(() => Promise.reject(failure())),
      "",
      { clock },
    ).catch(() => {});
  }
}

function made(options: BreakerOptions): { clock: VirtualClock; breaker: CircuitBreaker } {
  const clock = new VirtualClock();
  return { clock, breaker: circuitBreaker({ clock, ...options }) };
}

test("a change of one rule keeps the others", async () => {
  const { clock, breaker } = made({ minimumCalls: 3, openFor: "7s", probes: 2 });
  breaker.reconfigure({ probes: 1 });
  await fail(breaker, clock, 3);
  expect(breaker.snapshot()).toMatchObject({ state: "open", calls: 3, retryAfterMs: 7_000 });
});

test("what `isFailure` and `shadow` said is kept by a change of something else, and undefined takes it back", async () => {
  const { clock, breaker } = made({ minimumCalls: 1, isFailure: () => false, shadow: true });
  breaker.reconfigure({ probes: 1 });
  await fail(breaker, clock, 2);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, shadow: true });
  breaker.reconfigure({ isFailure: undefined, shadow: undefined });
  await fail(breaker, clock, 2);
  expect(breaker.snapshot()).toMatchObject({ state: "open", shadow: false });
});

test("a change is made on top of the changes before it, and a refused one leaves nothing behind", async () => {
  const { clock, breaker } = made({});
  breaker.reconfigure({ minimumCalls: 2 });
  expect(() => breaker.reconfigure({ openFor: "1s", probes: 0 })).toThrow("circuitBreaker.probes");
  breaker.reconfigure({ failureRatio: 1 });
  await fail(breaker, clock, 2);
  expect(breaker.snapshot()).toMatchObject({ state: "open", retryAfterMs: 30_000 });
});

test("options that the caller changes later in its own object change nothing", async () => {
  const options = { minimumCalls: 2, openFor: "5s" } as { minimumCalls: number; openFor: "5s" };
  const { clock, breaker } = made(options);
  options.minimumCalls = 50;
  breaker.reconfigure({ probes: 1 });
  await fail(breaker, clock, 2);
  expect(breaker.snapshot()).toMatchObject({ state: "open" });
});

test.each<[given: BreakerRules, change: BreakerRules, after: BreakerRules]>([
  [{ window: "5s", probes: 3 }, { count: 10 }, { count: 10, probes: 3 }],
  [{ count: 10, minimumCalls: 5 }, { window: "5s" }, { window: "5s", minimumCalls: 5 }],
  [
    { count: 10, minimumCalls: 5, failureRatio: 0.3, consecutiveFailures: 4, probes: 3 },
    { trip: [{ window: "5s" }] },
    { trip: [{ window: "5s" }], probes: 3 },
  ],
  [{ window: "5s" }, { window: undefined }, { window: undefined }],
  [{ window: "5s" }, { probes: 1 }, { window: "5s", probes: 1 }],
  [{ count: 10 }, { probes: 1 }, { count: 10, probes: 1 }],
  [{ slowCall: { after: "1s", ratio: 0.3 } }, { slowCall: { after: "2s" } }, { slowCall: { after: "2s" } }],
])("rules that exclude each other replace each other: %j and %j make %j", (given, change, after) => {
  expect(changedRules(given, change)).toEqual(after);
});

test("a rule beside a list of rules is refused, because nobody can know which of them it replaces", () => {
  const { breaker } = made({ trip: [{ consecutiveFailures: 5 }] });
  expect(() => breaker.reconfigure({ failureRatio: 0.3 })).toThrow("circuitBreaker.trip stands in place of");
  breaker.reconfigure({ trip: undefined, failureRatio: 0.3 });
});

test("a keyed breaker merges as well, its table included, and keeps its circuits", async () => {
  const clock = new VirtualClock();
  const breaker = keyedBreaker({ key: String, clock, minimumCalls: 1, openFor: "7s", maxKeys: 2 });
  const call = (key: string, error?: unknown): Promise<unknown> =>
    execute(
      breaker(async () => (error === undefined ? "ok" : Promise.reject(error))),
      key,
      { clock },
    ).catch((thrown: unknown) => thrown);
  await call("a", failure());
  breaker.reconfigure({ probes: 1 });
  expect(breaker.snapshotOf("a")).toMatchObject({ state: "open", retryAfterMs: 7_000 });
  await call("b", failure());
  expect(breaker.snapshotOf("b")).toMatchObject({ state: "open", retryAfterMs: 7_000 });

  await call("c");
  expect(breaker.snapshot()).toMatchObject({ keys: 2, evicted: 1 });
  breaker.reconfigure({ maxKeys: 10 });
  await call("d");
  expect(breaker.snapshot()).toMatchObject({ keys: 3, evicted: 1 });
  breaker.reconfigure({ idleFor: "1s" });
  await clock.advance(60_000);
  await call("d");
  expect(breaker.snapshot().keys).toBeLessThan(3);
  expect(() => breaker.reconfigure({ maxKeys: 0, probes: 3 })).toThrow("keyedBreaker.maxKeys must be");
  expect(() => breaker.reconfigure({ key: String } as never)).toThrow("keyedBreaker.key is not an option");
});

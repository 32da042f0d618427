import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { watchedBreaker } from "../../test/breakers.ts";
import { failure, manual, watch } from "../../test/calls.ts";
import { type CircuitBreaker, circuitBreaker, execute, type ForcedState } from "../index.ts";

test.each<ForcedState>(["closed", "disabled"])(
  "a closed circuit that is forced %s for a time is given back to the rules after it, and its counts stand",
  async (to) => {
    const { clock, breaker, events, call } = watchedBreaker();
    await call(failure());
    breaker.force(to, { reason: "drill", for: "5s" });
    await clock.advance(4_999);
    expect(breaker.snapshot()).toMatchObject({ forced: { to, leftMs: 1 }, calls: 1, failures: 1 });
    await clock.advance(1);
    expect(breaker.snapshot()).toMatchObject({ forced: undefined, state: "closed", calls: 1, failures: 1 });
    await call(failure());
    expect(breaker.snapshot().state).toBe("open");
    expect(events.map(({ type }) => type)).toEqual(["breakerForced", "breakerReleased", "breakerOpened"]);
    expect(events[1]).toMatchObject({ reason: `the time of being forced ${to} (drill) is over` });
  },
);

test("a forced state whose time is over is over before the next one begins, and both are told", async () => {
  const { clock, breaker, events } = watchedBreaker();
  breaker.force("open", { reason: "one", for: "1m" });
  await clock.advance(120_000);
  breaker.force("open", { reason: "two" });
  expect(events).toMatchObject([
    { type: "breakerOpened", reason: "forced open: one" },
    { type: "breakerForced", reason: "one" },
    { type: "breakerHalfOpened", reason: "the time of being forced open (one) is over" },
    { type: "breakerReleased", reason: "the time of being forced open (one) is over" },
    { type: "breakerOpened", reason: "forced open: two" },
    { type: "breakerForced", reason: "two" },
  ]);
});

test("who releases a circuit from within the news that it was forced does not make forcing fail", () => {
  const events: string[] = [];
  const breaker: CircuitBreaker = circuitBreaker({
    clock: new VirtualClock(),
    onEvent: ({ type }) => {
      events.push(type);
      if (type === "breakerOpened") breaker.force(undefined, { reason: "not like this" });
    },
  });
  breaker.force("open", { reason: "drill" });
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", forced: undefined });
  expect(events).toEqual(["breakerOpened", "breakerHalfOpened", "breakerReleased"]);
});

test.each([{}, { slowCall: { after: "1s" } } as const])(
  "a call that began or ended while the breaker was disabled does not count: %j",
  async (options) => {
    const { clock, breaker } = watchedBreaker({ minimumCalls: 10, ...options });
    const { call, calls } = manual();
    const start = (): void => void watch(execute(breaker(call), "", { clock }));
    start();
    breaker.force("disabled", { reason: "not needed" });
    calls[0]?.reject(failure());
    await clock.advance(0);
    start();
    breaker.force(undefined, { reason: "needed" });
    calls[1]?.reject(failure());
    await clock.advance(0);
    expect(breaker.snapshot()).toMatchObject({ calls: 0, failures: 0, stale: 0 });
    if (options.slowCall) expect(breaker.snapshot().slowCalls).toEqual({ slow: 0, calls: 0 });
  },
);

test("a call that becomes slow while the breaker is disabled is no slow call yet", async () => {
  const { clock, breaker } = watchedBreaker({ slowCall: { after: "1s" }, minimumCalls: 10 });
  void watch(execute(breaker(manual().call), "", { clock }));
  breaker.force("disabled", { reason: "not needed" });
  await clock.advance(2_000);
  expect(breaker.snapshot().slowCalls).toEqual({ slow: 0, calls: 0 });
  breaker.force(undefined, { reason: "needed" });
  expect(breaker.snapshot().slowCalls).toEqual({ slow: 1, calls: 1 });
});

test("forcing a circuit closed that is closed changes no state and is not told as if it had closed", async () => {
  const { breaker, events, call } = watchedBreaker({ minimumCalls: 3 });
  await call(failure());
  breaker.force("closed", { reason: "drill" });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 1, reason: undefined });
  expect(events.map(({ type }) => type)).toEqual(["breakerForced"]);
});

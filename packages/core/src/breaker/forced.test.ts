import { expect, test } from "vitest";
import { type WatchedBreaker, watchedBreaker } from "../../test/breakers.ts";
import { failure, manual, watch } from "../../test/calls.ts";
import { type BreakerOptions, execute, type ForcedState } from "../index.ts";

const setup = (options: BreakerOptions = {}): WatchedBreaker => watchedBreaker({ name: "toss", ...options });

test("forced open, every call is rejected with the operator's reason, and a probe decides after the release", async () => {
  const { clock, breaker, events, call } = setup();
  breaker.force("open", { reason: "maintenance until ten" });
  await clock.advance(3_600_000);
  expect(await call()).toMatchObject({
    code: "BREAKER_OPEN",
    retryAfterMs: 30_000,
    message: "the circuit breaker of toss is forced open: maintenance until ten; try again in 30 s",
  });
  expect(breaker.snapshot()).toMatchObject({
    state: "open",
    forced: { to: "open", reason: "maintenance until ten", leftMs: undefined },
  });
  breaker.force(undefined, { reason: "maintenance is over" });
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", forced: undefined });
  expect(await call()).toBe("ok");
  expect(breaker.snapshot().state).toBe("closed");
  expect(events.map(({ type }) => type)).toEqual([
    "breakerOpened",
    "breakerForced",
    "callRejected",
    "breakerHalfOpened",
    "breakerReleased",
    "breakerClosed",
  ]);
});

test("a forced state ends by itself after its time, without a timer, and says how long that is", async () => {
  const { clock, breaker, call } = setup();
  breaker.force("open", { reason: "drill", for: "10m" });
  await clock.advance(599_999);
  expect(await call()).toMatchObject({ retryAfterMs: 1 });
  expect(clock.pending).toBe(0);
  await clock.advance(1);
  expect(breaker.snapshot()).toMatchObject({
    state: "halfOpen",
    reason: "the time of being forced open (drill) is over",
  });
  expect(await call()).toBe("ok");
});

test("forced closed, calls go through and are counted, nothing opens it, and afterwards the counts stand", async () => {
  const { breaker, call } = setup();
  breaker.force("closed", { reason: "false alarm" });
  for (let round = 0; round < 10; round += 1) await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 10, forced: { to: "closed" } });
  breaker.force(undefined, { reason: "over" });
  expect(breaker.snapshot().state).toBe("closed");
  await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 11 });
});

test("disabled, calls go through and nothing is counted", async () => {
  const { breaker, call } = setup({ slowCall: { after: "1s" } });
  breaker.force("disabled", { reason: "not needed" });
  for (let round = 0; round < 10; round += 1) await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 0 });
  breaker.force(undefined, { reason: "needed" });
  await call(failure());
  expect(breaker.snapshot()).toMatchObject({ failures: 1, calls: 1 });
});

test.each<ForcedState>(["closed", "disabled"])(
  "an open circuit that is forced %s lets calls through at once",
  async (to) => {
    const { breaker, call } = setup();
    await call(failure());
    await call(failure());
    expect(await call()).toMatchObject({ code: "BREAKER_OPEN" });
    breaker.force(to, { reason: "we know better" });
    expect(await call()).toBe("ok");
    expect(breaker.snapshot()).toMatchObject({ state: "closed", reason: `forced ${to}: we know better` });
  },
);

test("calls from before a forced opening move nothing afterwards", async () => {
  const { clock, breaker } = setup();
  const { call, calls } = manual();
  const before = watch(execute(breaker(call), "", { clock }));
  breaker.force("open", { reason: "drill" });
  breaker.force(undefined, { reason: "over" });
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect(before.status).toBe("fulfilled");
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", calls: 0, stale: 1 });
});

test("releasing what is not forced does nothing", async () => {
  const { breaker, events, call } = setup();
  await call(failure());
  await call(failure());
  breaker.force(undefined, { reason: "by mistake" });
  expect(breaker.snapshot().state).toBe("open");
  expect(events.map(({ type }) => type)).toEqual(["breakerOpened"]);
});

test("in shadow it decides and reports as ever, and rejects nothing", async () => {
  const { clock, breaker, events, call } = setup({ shadow: true });
  await call(failure());
  await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "open", shadow: true });
  for (let round = 0; round < 3; round += 1) expect(await call()).toBe("ok");
  expect(breaker.snapshot()).toMatchObject({ state: "open", rejected: 3, stale: 0 });
  expect(events.at(-1)).toEqual({
    type: "callWouldBeRejected",
    name: "toss",
    code: "BREAKER_OPEN",
    retryAfterMs: 30_000,
  });
  expect(events.some(({ type }) => type === "callRejected")).toBe(false);
  await clock.advance(30_000);
  await call();
  expect(breaker.snapshot().state).toBe("closed");
});

test("in shadow only the probes decide, whatever the others do meanwhile", async () => {
  const { clock, breaker, call } = setup({ shadow: true });
  await call(failure());
  await call(failure());
  await clock.advance(30_000);
  const { call: slow, calls } = manual();
  const probe = watch(execute(breaker(slow), "", { clock }));
  for (let round = 0; round < 5; round += 1) await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", calls: 0 });
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect([probe.status, breaker.snapshot().state]).toEqual(["fulfilled", "closed"]);
});

test("what is wrong with a force is said with its path, and nothing is changed", () => {
  const { breaker, events } = setup();
  const refused = (to: unknown, options: unknown, message: string): void => {
    expect(() => breaker.force(to as ForcedState, options as never)).toThrow(message);
  };
  refused(
    "opened",
    { reason: "x" },
    'circuitBreaker.force must be one of "open", "closed", "disabled"; got "opened"',
  );
  refused("open", { reason: "" }, "circuitBreaker.force.reason must be a non-empty string");
  refused("open", undefined, "circuitBreaker.force options must be an object; got undefined");
  refused("open", { reason: "x", for: 5 }, "circuitBreaker.force.for must be a duration with a unit");
  refused("open", { reason: "x", until: "5m" }, "circuitBreaker.force options.until is not an option");
  refused(undefined, { reason: "x", for: "5m" }, "circuitBreaker.force options.for is not an option");
  expect([breaker.snapshot().forced, events]).toEqual([undefined, []]);
});

import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { type WatchedBreaker, watchedBreaker } from "../../test/breakers.ts";
import { deaf, echo, failure, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  type BreakerOptions,
  breakerDefaults,
  CallContext,
  circuitBreaker,
  concurrencyLimit,
  execute,
  pipeline,
  retry,
} from "../index.ts";

const setup = (options: BreakerOptions = {}): WatchedBreaker => watchedBreaker({ name: "toss", ...options });

test("a call through a closed circuit keeps its result or its error", async () => {
  const { call } = setup();
  const no = failure();
  expect(await call()).toBe("ok");
  expect(await call(no)).toBe(no);
});

test("it opens, rejects at once, tries again after its time and closes, telling each step and why", async () => {
  const { clock, breaker, events, call } = setup();
  await call();
  await call(failure());
  const rejected = await call();
  expect(rejected).toMatchObject({
    code: "BREAKER_OPEN",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 30_000,
    message:
      "the circuit breaker of toss is open: 1 of 2 calls failed in 10 s; at least 1 needed; try again in 30 s",
  });
  await clock.advance(30_000);
  expect(await call()).toBe("ok");
  expect(events).toEqual([
    {
      type: "breakerOpened",
      name: "toss",
      reason: "1 of 2 calls failed in 10 s; at least 1 needed",
      openForMs: 30_000,
    },
    { type: "callRejected", name: "toss", code: "BREAKER_OPEN", retryAfterMs: 30_000 },
    { type: "breakerHalfOpened", name: "toss", reason: "30 s have passed since it opened" },
    { type: "breakerClosed", name: "toss", reason: "1 of 1 probes succeeded" },
  ]);
  expect(breaker.snapshot()).toMatchObject({
    state: "closed",
    failures: 0,
    calls: 0,
    failureRatio: 0,
    reason: "1 of 1 probes succeeded",
    retryAfterMs: undefined,
    rejected: 1,
    stale: 0,
  });
});

test("while its probes run, a half-open circuit turns the others away at once, with the time to come back", async () => {
  const { clock, breaker, call } = setup({ maxHalfOpen: "5s" });
  await call(failure());
  await call(failure());
  await clock.advance(30_000);
  const { call: slow, calls } = manual();
  const probe = watch(execute(breaker(slow), "", { clock }));
  await clock.advance(1_000);
  expect(await call()).toMatchObject({
    code: "BREAKER_OPEN",
    retryAfterMs: 4_000,
    message:
      "the circuit breaker of toss is half-open and has all its probes: 30 s have passed since it opened; " +
      "try again in 4 s",
  });
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect([probe.status, breaker.snapshot().state]).toEqual(["fulfilled", "closed"]);
});

test("a probe that hangs does not wedge the circuit, and its late result moves nothing", async () => {
  const { clock, breaker, call } = setup({ maxHalfOpen: "5s" });
  await call(failure());
  await call(failure());
  await clock.advance(30_000);
  const { call: slow, calls } = manual();
  const hung = watch(execute(breaker(slow), "", { clock }));
  await clock.advance(5_000);
  const fresh = watch(execute(breaker(slow), "", { clock }));
  await clock.advance(0);
  calls[0]?.reject(failure());
  await clock.advance(0);
  expect(hung.status).toBe("rejected");
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", calls: 0, stale: 1 });
  calls[1]?.resolve("ok");
  await clock.advance(0);
  expect([fresh.status, breaker.snapshot().state]).toEqual(["fulfilled", "closed"]);
});

const counts = {
  success: { failures: 0, calls: 1 },
  failure: { failures: 1, calls: 1 },
  nothing: { failures: 0, calls: 0 },
};
const inner = { code: "LIMIT_REACHED", effect: "none", kind: "rejected" } as const;
const ends: [string, keyof typeof counts, () => Promise<unknown>][] = [
  ["a result", "success", async () => "ok"],
  ["a plain value", "success", (() => 7) as never],
  ["no value", "success", (() => undefined) as never],
  ["a refusal", "success", async () => Promise.reject(failure({ kind: "refused" }))],
  ["a failure", "failure", async () => Promise.reject(failure())],
  ["an error without facts", "failure", async () => Promise.reject(new Error("x"))],
  ["no reason at all", "failure", async () => Promise.reject(undefined)],
  [
    "a throw before any promise",
    "failure",
    () => {
      throw new Error("x");
    },
  ],
  ["a rejection by an inner policy", "nothing", async () => Promise.reject(failure(inner))],
  ["an abort", "nothing", async () => Promise.reject(failure({ kind: "aborted" }))],
];

test.each(ends)("%s counts as %s, closed and half-open, and gives its permit back", async (_, kind, end) => {
  const { clock, breaker, call } = setup();
  const guarded = (): Promise<unknown> => execute(breaker(end), undefined, { clock }).catch(() => {});
  await guarded();
  expect(breaker.snapshot()).toMatchObject({ state: "closed", ...counts[kind] });

  for (let round = 0; round < 2; round += 1) await call(failure());
  await clock.advance(30_000);
  await guarded();
  const expected = { success: "closed", failure: "open", nothing: "halfOpen" }[kind];
  expect(breaker.snapshot().state).toBe(expected);
  if (kind === "nothing") expect(await call()).toBe("ok");
});

test("own rejections never open the circuit of a healthy service", async () => {
  const { clock, breaker } = setup();
  const { call, calls } = manual();
  const guarded = pipeline(breaker, concurrencyLimit(1))(call);
  const first = watch(execute(guarded, "", { clock }));
  for (let round = 0; round < 100; round += 1) {
    await expect(execute(guarded, "", { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  }
  calls[0]?.resolve("ok");
  await clock.advance(0);
  expect(first.status).toBe("fulfilled");
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 1, failureRatio: 0 });
});

test("an open circuit is asked once by a retry around it", async () => {
  const { clock, breaker, call } = setup();
  await call(failure());
  await call(failure());
  const guarded = pipeline(retry(), breaker)(echo);
  const answer = watch(execute(guarded, "", { clock }));
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "BREAKER_OPEN" });
  expect([breaker.snapshot().rejected, clock.pending]).toEqual([1, 0]);
});

test("a caller's abort frees the probe of work that does not stop", async () => {
  const { clock, breaker, call } = setup();
  await call(failure());
  await call(failure());
  await clock.advance(30_000);
  const controller = new AbortController();
  const guarded = pipeline(breaker, attemptTimeout("10s"))(deaf);
  void watch(execute(guarded, "", { clock, signal: controller.signal }));
  await clock.advance(10);
  expect(breaker.snapshot().retryAfterMs).toBeGreaterThan(0);
  controller.abort();
  await clock.advance(0);
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", retryAfterMs: undefined });
});

test("users may say what speaks against the other side's health; own rejections are never asked about", async () => {
  const asked: unknown[] = [];
  const isFailure = (error: unknown): boolean => {
    asked.push(error);
    return (error as { kind?: string }).kind === "refused";
  };
  const { breaker, call } = setup({ isFailure, minimumCalls: 10 });
  await call(failure({ kind: "refused" }));
  await call(failure());
  await call(failure({ kind: "rejected" }));
  await call(failure({ kind: "aborted" }));
  expect(breaker.snapshot()).toMatchObject({ failures: 1, calls: 2 });
  expect(asked).toHaveLength(2);
});

test("a predicate that throws changes nothing for the call, and the default judges", async () => {
  const isFailure = (): never => {
    throw new Error("predicate");
  };
  const { breaker, call } = setup({ isFailure, minimumCalls: 10 });
  const no = failure();
  expect(await call(no)).toBe(no);
  await call(failure({ kind: "refused" }));
  expect(breaker.snapshot()).toMatchObject({ failures: 1, calls: 2 });
});

test("a listener that throws changes nothing", async () => {
  const { breaker, call } = setup({
    onEvent: () => {
      throw new Error("listener");
    },
  });
  await call(failure());
  await call(failure());
  expect(await call()).toMatchObject({ code: "BREAKER_OPEN" });
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 2 });
});

test("all calls that are wrapped with one breaker share its state, and two breakers share nothing", async () => {
  const { clock, breaker, call } = setup();
  const other = circuitBreaker({ clock });
  await call(failure());
  await call(failure());
  await expect(execute(breaker(echo), "", { clock })).rejects.toMatchObject({ code: "BREAKER_OPEN" });
  await expect(execute(other(echo), "ok", { clock })).resolves.toBe("ok");
});

test("the breaker keeps its own clock, whatever clock a call brings", async () => {
  const { breaker, call } = setup();
  await call(failure());
  await call(failure());
  const hasty = new VirtualClock();
  await hasty.advance(3_600_000);
  await expect(breaker(echo)("", new CallContext({ clock: hasty }))).rejects.toMatchObject({
    retryAfterMs: 30_000,
  });
});

test("a thousand breakers, open or not, set no timer", async () => {
  const { clock } = setup();
  for (let index = 0; index < 1_000; index += 1) {
    const breaker = circuitBreaker({ clock, count: 1, minimumCalls: 1 });
    await breaker(async () => Promise.reject(failure()))("", new CallContext({ clock })).catch(() => {});
  }
  expect(clock.pending).toBe(0);
});

test("a snapshot is plain JSON", async () => {
  const { clock, breaker, call } = setup();
  await call(failure());
  expect(JSON.parse(JSON.stringify(breaker.snapshot()))).toEqual({
    kind: "circuitBreaker",
    name: "toss",
    state: "closed",
    failures: 1,
    calls: 1,
    failureRatio: 1,
    consecutiveFailures: 1,
    openings: 0,
    rejected: 0,
    stale: 0,
    shadow: false,
    takenAtMs: clock.wallNow(),
    saved: {
      state: "closed",
      sinceAgoMs: 0,
      openForMs: 0,
      openings: 0,
      windows: [{ buckets: [[-500, 1, 1]] }],
      consecutiveFailures: 1,
      rejected: 0,
      stale: 0,
    },
  });
});

test("by default it opens at half of at least 20 calls in ten seconds, for thirty", async () => {
  expect(breakerDefaults).toEqual({
    window: "10s",
    failureRatio: 0.5,
    minimumCalls: 20,
    openFor: "30s",
    probes: 5,
    maxHalfOpen: "30s",
  });
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ ...breakerDefaults, clock });
  const run = (call: () => Promise<unknown>): Promise<unknown> =>
    breaker(call)(undefined, new CallContext({ clock })).catch((error: unknown) => error);
  for (let index = 0; index < 10; index += 1) await run(async () => "ok");
  for (let index = 0; index < 9; index += 1) await run(async () => Promise.reject(failure()));
  expect(breaker.snapshot().state).toBe("closed");
  await run(async () => Promise.reject(failure()));
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 10, calls: 20, retryAfterMs: 30_000 });
});

test("wrong options are refused with their path, the value and the fix", () => {
  const refused = (options: unknown, message: string): void => {
    expect(() => circuitBreaker(options as BreakerOptions)).toThrow(message);
  };
  refused(
    { failureRatio: 50 },
    "circuitBreaker.failureRatio must be a ratio above 0 and at most 1; got 50: write 0.5 for 50 %",
  );
  refused({ failureRatio: 0 }, "got 0");
  refused({ probes: 0 }, "circuitBreaker.probes must be a whole number, between 1 and 1000; got 0");
  refused({ minimumCalls: 0 }, "circuitBreaker.minimumCalls must be a whole number, at least 1; got 0");
  refused({ minimumCalls: 2.5 }, "got 2.5");
  refused({ count: 0 }, "circuitBreaker.count must be a whole number, between 1 and 100000; got 0");
  refused(
    { count: 10, minimumCalls: 11 },
    "circuitBreaker.minimumCalls must be at most circuitBreaker.count (10)",
  );
  refused(
    { count: 10, window: "10s" },
    'circuitBreaker.window and circuitBreaker.count exclude each other; got "10s" and 10: leave one out',
  );
  refused(
    { window: 10_000 },
    'circuitBreaker.window must be a duration with a unit, such as "250ms" or "3s"; got the number 10000: write "10000ms"',
  );
  refused({ window: "9ms" }, "circuitBreaker.window must lie between 10ms and");
  refused({ openFor: "0ms" }, "circuitBreaker.openFor must lie between 1ms and");
  refused({ maxHalfOpen: "0ms" }, "circuitBreaker.maxHalfOpen must lie between 1ms and");
  refused({ failureRate: 0.5 }, 'circuitBreaker.failureRate is not an option; did you mean "failureRatio"?');
  refused({ isFailure: true }, "circuitBreaker.isFailure must be a function; got true");
  refused({ clock: {} }, "circuitBreaker.clock.now must be a function; got undefined");
  refused({ name: "" }, "circuitBreaker.name must be a non-empty string");
  refused([], "circuitBreaker must be an object; got an array");
});

test("a count without a minimum needs no more calls than it judges", () => {
  expect(() => circuitBreaker({ count: 5 })).not.toThrow();
});

import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import { Bench, circuitRules } from "../../test/circuits.ts";
import {
  type BreakerOptions,
  type CircuitBreaker,
  circuitBreaker,
  execute,
  keyedBreaker,
  type PolicyEvent,
} from "../index.ts";

interface Setup {
  readonly clock: VirtualClock;
  readonly breaker: CircuitBreaker;
  readonly call: (end?: () => Promise<unknown>) => Promise<unknown>;
}

/** Without a name or a listener, as most are. */
function setup(options: BreakerOptions = {}): Setup {
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ minimumCalls: 2, probes: 1, clock, ...options });
  const call = (end: () => Promise<unknown> = async () => "ok"): Promise<unknown> =>
    execute(breaker(end), undefined, { clock }).catch((error: unknown) => error);
  return { clock, breaker, call };
}
const no = async (): Promise<never> => Promise.reject(failure());

test("a call that succeeds is healthy whatever the user's judgement says of errors, and is not asked about", async () => {
  const asked: unknown[] = [];
  const isFailure = (error: unknown): boolean => asked.push(error) > 0;
  const { breaker, call } = setup({ isFailure, minimumCalls: 10 });
  await call();
  await call(async () => undefined);
  expect(breaker.snapshot()).toMatchObject({ failures: 0, calls: 2 });
  expect(asked).toEqual([]);
});

test("the user's judgement is asked also about a call that rejects with nothing at all", async () => {
  const { breaker, call } = setup({ isFailure: (error) => error !== undefined, minimumCalls: 10 });
  await call(async () => Promise.reject(undefined));
  expect(breaker.snapshot()).toMatchObject({ failures: 0, calls: 1 });
});

test("in shadow, calls go through also where nobody listens", async () => {
  const { breaker, call } = setup({ shadow: true });
  await call(no);
  await call(no);
  expect(breaker.snapshot().state).toBe("open");
  expect(await call()).toBe("ok");
});

test("a breaker without a name speaks of itself without one, in every state that turns calls away", async () => {
  const { clock, breaker, call } = setup({ rampUp: "10s", openFor: "5s" });
  await call(no);
  await call(no);
  expect(await call()).toMatchObject({
    message: "the circuit breaker is open: 2 of 2 calls failed in 10 s; at least 1 needed; try again in 5 s",
  });
  await clock.advance(5_000);
  void call(() => new Promise(() => {}));
  expect(await call()).toMatchObject({
    message:
      "the circuit breaker is half-open and has all its probes: 5 s have passed since it opened; try again in 30 s",
  });
  await clock.advance(30_000);
  expect(await call()).toBe("ok");
  expect(await call()).toBe("ok");
  expect(await call()).toMatchObject({
    code: "BREAKER_OPEN",
    message:
      "the circuit breaker has just closed and lets only some calls through: 1 of 1 probes succeeded; " +
      "try again in 6180 ms",
  });
  breaker.force("open", { reason: "drill" });
  expect(await call()).toMatchObject({
    message: "the circuit breaker is forced open: drill; try again in 5 s",
  });
});

test("while it is open, a snapshot keeps the counts that opened it, however old they are", async () => {
  const { clock, breaker, call } = setup();
  await call(no);
  await call(no);
  await clock.advance(20_000);
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 2, calls: 2 });
});

test("what was counted before an opening does not count after it closed, also where outcomes do not grow old", async () => {
  const { clock, breaker, call } = setup({ count: 10, minimumCalls: 3, slowCall: { after: "1s" } });
  for (let round = 0; round < 3; round += 1) await call(no);
  await clock.advance(30_000);
  await call();
  expect(breaker.snapshot()).toMatchObject({
    state: "closed",
    failures: 0,
    calls: 0,
    slowCalls: { slow: 0, calls: 0 },
    consecutiveFailures: 0,
  });
});

test("failures in a row alone, without any window, open it and close it again", async () => {
  const { clock, breaker, call } = setup({ trip: [{ consecutiveFailures: 2 }], minimumCalls: undefined });
  await call(no);
  await call(no);
  expect(breaker.snapshot()).toMatchObject({ state: "open", saved: { windows: [] } });
  await clock.advance(30_000);
  await call();
  expect(breaker.snapshot()).toMatchObject({
    state: "closed",
    failures: 0,
    calls: 0,
    consecutiveFailures: 0,
  });
});

test("only a failure may ask for a longer open time: not a refusal that completes the minimum of calls", () => {
  const simple = {
    window: { windowMs: 10_000 },
    failureRatio: 0.5,
    minimumCalls: 2,
    openForMs: 30_000,
    probes: 1,
    maxHalfOpenMs: 1_000,
  };
  const bench = new Bench(circuitRules(simple));
  bench.admit(0)?.settle("failure", 0, failure());
  bench.admit(0)?.settle("success", 0, failure({ kind: "refused", retryAfterMs: 60_000 }));
  expect(bench.circuit.snapshot(0)).toMatchObject({ state: "open", retryAfterMs: 30_000 });
});

test("an open time that is always the same needs no chance", async () => {
  let drawn = 0;
  const random = (): number => {
    drawn += 1;
    return 0.5;
  };
  const { breaker, call } = setup({ random });
  await call(no);
  await call(no);
  expect([breaker.snapshot().state, drawn]).toEqual(["open", 0]);
});

test("the time in which a circuit is half-open is no stable time: the next opening is longer", async () => {
  const openFor = { first: "10s", jitter: 0, resetAfter: "20s" } as const;
  const { clock, breaker, call } = setup({ openFor });
  await call(no);
  await call(no);
  await clock.advance(10_000);
  expect(breaker.snapshot().state).toBe("halfOpen");
  await clock.advance(60_000);
  await call(no);
  expect(breaker.snapshot()).toMatchObject({ state: "open", openings: 2, retryAfterMs: 20_000 });
});

test("outcomes that are too old open nothing, also when it is a slow call that makes the circuit look", async () => {
  const { clock, breaker, call } = setup({ minimumCalls: 4, slowCall: { after: "2s", minimumCalls: 4 } });
  const hang = (): void => void call(() => new Promise(() => {}));
  breaker.force("closed", { reason: "false alarm" });
  hang();
  for (let round = 0; round < 10; round += 1) await call(no);
  await clock.advance(3_000);
  expect(breaker.snapshot()).toMatchObject({ failures: 10, slowCalls: { slow: 1, calls: 11 } });
  hang();
  breaker.force(undefined, { reason: "over" });
  await clock.advance(8_000);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0, slowCalls: { slow: 2, calls: 2 } });
});

test("a rejection of a circuit for one key is reported with the key, its code and its time", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): number => events.push(event);
  const breaker = keyedBreaker({ key: String, clock, name: "hosts", onEvent });
  breaker.force("a", "open", { reason: "drill", for: "5s" });
  events.length = 0;
  await execute(breaker(no), "a", { clock, operation: "notify" }).catch(() => {});
  expect(events).toEqual([
    {
      type: "callRejected",
      name: "hosts",
      operation: "notify",
      key: "a",
      code: "BREAKER_OPEN",
      retryAfterMs: 5_000,
    },
  ]);
});

test("after closing every rule starts anew, not only the first", async () => {
  const trip = [{ minimumCalls: 100 }, { count: 4, failureRatio: 1 }];
  const { clock, breaker, call } = setup({ trip, minimumCalls: undefined });
  for (let round = 0; round < 4; round += 1) await call(no);
  expect(breaker.snapshot().state).toBe("open");
  await clock.advance(30_000);
  await call();
  for (let round = 0; round < 3; round += 1) await call(no);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 3 });
});

import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, manual, script, watch } from "../../test/calls.ts";
import {
  type AdaptiveConcurrency,
  type AdaptiveConcurrencyOptions,
  type AdaptiveLimitChanged,
  adaptiveConcurrency,
  adaptiveConcurrencyDefaults,
  attemptTimeout,
  type Call,
  deadline,
  execute,
  type PolicyEvent,
  pipeline,
  planOf,
  retry,
} from "../index.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function limited(options: AdaptiveConcurrencyOptions = {}): {
  clock: VirtualClock;
  limit: AdaptiveConcurrency;
} {
  const clock = new VirtualClock();
  return { clock, limit: adaptiveConcurrency({ clock, random: () => 0, ...options }) };
}

/** Each call is a window of its own, and the limit moves by one. */
const eager: AdaptiveConcurrencyOptions = { algorithm: "aimd", window: "0ms", minimumCalls: 1, min: 1 };

/** A call that takes its input in milliseconds. */
const takes: Call<number, string> = (ms, context) =>
  new Promise((resolve) => void context.clock.setTimer(ms, () => resolve("ok")));

test("as many calls as the limit allows run at a time, and the next one is rejected at once", async () => {
  const { limit } = limited({ initial: 3, name: "toss" });
  const { call, calls } = manual();
  for (let index = 0; index < 3; index += 1) void watch(execute(limit(call), ""));
  await expect(execute(limit(call), "")).rejects.toMatchObject({
    code: "ADAPTIVE_LIMIT_REACHED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message: "the adaptive concurrency limit of toss (3 now) is reached; try again in 1 s",
  });
  expect(calls).toHaveLength(3);
  expect(limit.snapshot()).toEqual({
    kind: "adaptiveConcurrency",
    name: "toss",
    algorithm: "gradient",
    limit: 3,
    allowed: 3,
    min: 3,
    max: 200,
    inUse: 3,
    outliving: 0,
    baselineMs: undefined,
    latencyMs: undefined,
    lastChange: undefined,
    rejected: 1,
    drops: 0,
  });
});

test("a slot is free again however its call ends", async () => {
  const { limit } = limited({ min: 1, initial: 1 });
  const ends = [
    async () => "ok",
    async () => Promise.reject(failure()),
    async () => Promise.reject(failure({ kind: "rejected" })),
    async () => Promise.reject(failure({ kind: "aborted" })),
    async () => Promise.reject(failure({ kind: "refused" })),
    () => {
      throw failure();
    },
    () => "a plain value" as never,
    () => undefined as never,
  ];
  for (const end of ends) {
    await execute(limit(end), "").catch(() => {});
    expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0, rejected: 0 });
  }
});

test.each([
  ["inside", (limit: AdaptiveConcurrency) => pipeline(limit, attemptTimeout("1s"))],
  ["outside", (limit: AdaptiveConcurrency) => pipeline(attemptTimeout("1s"), limit)],
  ["inside, with a deadline", (limit: AdaptiveConcurrency) => pipeline(limit, deadline("1s"))],
])("no more calls than slots truly run although a timeout %s answers their callers", async (_, build) => {
  const { clock, limit } = limited({ min: 2, max: 2 });
  const { call, calls } = manual();
  const guarded = build(limit)(call);
  for (let second = 0; second < 5; second += 1) {
    for (let index = 0; index < 3; index += 1) void watch(execute(guarded, "", { clock }));
    await clock.advance(1_000);
  }
  expect(calls).toHaveLength(2);
  expect(limit.snapshot()).toMatchObject({ inUse: 2, rejected: 13 });
  calls[0]?.resolve("late");
  await tick();
  expect(limit.snapshot().inUse).toBe(1);
  calls[1]?.reject(new Error("late"));
  await tick();
  expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
  expect(clock.pending).toBe(0);
});

test("work that outlived its caller is counted, and its slots are not given away", async () => {
  const { clock, limit } = limited({ initial: 3 });
  const guarded = pipeline(limit, attemptTimeout("1s"))(deaf);
  for (let index = 0; index < 2; index += 1) void watch(execute(guarded, "", { clock }));
  await clock.advance(1_000);
  expect(limit.snapshot()).toMatchObject({ inUse: 2, outliving: 2, limit: 3, drops: 2 });
});

test("successes teach by their latency, and the limit follows", async () => {
  const { clock, limit } = limited({ ...eager, initial: 2 });
  const run = async (ms: number): Promise<void> => {
    for (let index = 0; index < 2; index += 1) void watch(execute(limit(takes), ms, { clock }));
    await clock.advance(ms);
  };
  await run(10);
  expect(limit.snapshot()).toMatchObject({
    limit: 4,
    latencyMs: 10,
    lastChange: "3 to 4: the mean latency is 10 ms",
  });
  await run(5_001);
  expect(limit.snapshot().limit).toBe(2);
});

test("a hundred calls that time out together lower the limit once, and those that come after lower it again", async () => {
  const { clock, limit } = limited({ algorithm: "gradient", initial: 100 });
  const guarded = pipeline(limit, attemptTimeout("1s"))(deaf as Call<string, string>);
  const lost: Call<string, string> = (_, context) =>
    new Promise((_resolve, reject) => void context.clock.setTimer(1_000, () => reject(failure())));
  for (let index = 0; index < 100; index += 1) void watch(execute(limit(lost), "", { clock }));
  await clock.advance(1_000);
  expect(limit.snapshot()).toMatchObject({
    limit: 90,
    inUse: 0,
    drops: 100,
    lastChange: "100 to 90: a call timed out or was throttled",
  });
  void watch(execute(guarded, "", { clock }));
  await clock.advance(1_000);
  expect(limit.snapshot()).toMatchObject({ limit: 81, drops: 101 });
});

test.each<[string, object, boolean]>([
  ["a timeout", { code: "ATTEMPT_TIMEOUT", effect: "unknown" }, true],
  ["429 or 503 with the time to come back", { code: "HTTP_503", retryAfterMs: 1_000 }, true],
  ["503 without it", { code: "HTTP_503", effect: "unknown" }, true],
  ["an error that no repetition mends", { code: "HTTP_500", transient: false }, false],
  ["a deadline that passed before anything was sent", { code: "DEADLINE_EXCEEDED", effect: "none" }, false],
  ["a deadline that passed later", { code: "DEADLINE_EXCEEDED", effect: "unknown" }, true],
  ["our own rejection", { kind: "rejected", retryAfterMs: 1_000 }, false],
  ["an abort by the caller", { kind: "aborted" }, false],
  ["a refusal", { kind: "refused" }, false],
])("%s: %j is a drop: %j", async (_, init, isDrop) => {
  const { limit } = limited({ initial: 20 });
  await execute(limit(script(failure(init)).call), "").catch(() => {});
  expect(limit.snapshot()).toMatchObject({ limit: isDrop ? 18 : 20, drops: isDrop ? 1 : 0 });
});

test("a deadline shorter than a usual call speaks of our caller, not of the other side", async () => {
  const { clock, limit } = limited({ ...eager, initial: 20 });
  void watch(execute(limit(takes), 500, { clock }));
  await clock.advance(500);
  const late =
    (ms: number): Call<string, string> =>
    (_, context) =>
      new Promise((_resolve, reject) => {
        const failed = failure({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
        context.clock.setTimer(ms, () => reject(failed));
      });
  void watch(execute(limit(late(499)), "", { clock }));
  await clock.advance(499);
  expect(limit.snapshot().drops).toBe(0);
  void watch(execute(limit(late(500)), "", { clock }));
  await clock.advance(500);
  expect(limit.snapshot().drops).toBe(1);
});

test("what is a drop can be chosen, and a broken choice is not heard", async () => {
  const isDrop = (error: unknown): boolean => {
    const { code } = error as { code: string };
    if (code === "BROKEN") throw new Error("predicate");
    return code === "HTTP_500";
  };
  const { limit } = limited({ isDrop });
  const codes = ["HTTP_500", "HTTP_503", "BROKEN"];
  const seen: number[] = [];
  for (const code of codes) {
    await execute(limit(script(failure({ code, transient: code === "BROKEN" })).call), "").catch(() => {});
    seen.push(limit.snapshot().drops);
  }
  expect(seen).toEqual([1, 1, 2]);
});

test("a rejection is not repeated by a retry around it", async () => {
  const { clock, limit } = limited({ min: 1, initial: 1 });
  void watch(execute(limit(deaf), ""));
  const answer = watch(execute(pipeline(retry(), limit)(echo), "", { clock, idempotent: true }));
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "ADAPTIVE_LIMIT_REACHED" });
});

test("a limit that moves is told at most once a second, without a gap, and the listener cannot break a call", async () => {
  const changes: (AdaptiveLimitChanged & { readonly atMs: number })[] = [];
  const { clock, limit } = limited({
    ...eager,
    initial: 2,
    name: "toss",
    onEvent: (event) => {
      if (event.type === "adaptiveLimitChanged") changes.push({ ...event, atMs: clock.now() });
      throw new Error("listener");
    },
  });
  for (let round = 0; round < 25; round += 1) {
    const slots = Array.from({ length: limit.snapshot().limit });
    const answers = slots.map(() => watch(execute(limit(takes), 100, { clock })));
    await clock.advance(100);
    expect(answers.every(({ status }) => status === "fulfilled")).toBe(true);
  }
  expect(changes.map(({ atMs, from, to }) => [atMs, from, to])).toEqual([
    [100, 2, 3],
    [1_100, 3, expect.any(Number)],
    [2_100, changes[1]?.to, 200],
  ]);
  expect(changes[0]).toMatchObject({ name: "toss", inUse: 2, reason: "2 to 3: the mean latency is 100 ms" });
  const lost = limit(script(failure(), failure()).call);
  await execute(lost, "").catch(() => {});
  expect(changes).toHaveLength(3);
  await clock.advance(700);
  await execute(lost, "").catch(() => {});
  expect(changes[3]).toMatchObject({ from: 200, to: 162, inUse: 1 });
});

test("rejections are told to the listener", async () => {
  const events: PolicyEvent[] = [];
  const { limit } = limited({
    min: 1,
    max: 1,
    retryAfter: "250ms",
    onEvent: (event) => void events.push(event),
  });
  void watch(execute(limit(deaf), ""));
  await expect(execute(limit(echo), "")).rejects.toMatchObject({ retryAfterMs: 250 });
  expect(events).toEqual([
    { type: "limitReached", name: undefined, code: "ADAPTIVE_LIMIT_REACHED", limit: 1, retryAfterMs: 250 },
  ]);
});

test("settings change while calls run: who is in stays in, and nobody gets a slot twice", async () => {
  const { clock, limit } = limited({ initial: 4 });
  const { call, calls } = manual();
  for (let index = 0; index < 4; index += 1) void watch(execute(limit(call), ""));
  limit.reconfigure({ min: 1, max: 2 });
  expect(limit.snapshot()).toMatchObject({ limit: 2, inUse: 4, lastChange: "4 to 2: other rules" });
  for (const index of [0, 1]) calls[index]?.resolve("ok");
  await tick();
  await expect(execute(limit(call), "")).rejects.toMatchObject({ code: "ADAPTIVE_LIMIT_REACHED" });
  calls[2]?.resolve("ok");
  await tick();
  void watch(execute(limit(call), ""));
  expect(limit.snapshot()).toMatchObject({ limit: 2, inUse: 2 });
  limit.reconfigure({ max: 100 });
  // A wider bound is room to grow, not growth.
  expect(limit.snapshot()).toMatchObject({ limit: 2, min: 1, max: 100 });
  expect(planOf(limit)).toMatchObject({ kind: "gate", policy: "adaptiveConcurrency", limit: 100, clock });
});

test("what was measured outlives other rules, but not another algorithm", async () => {
  const { clock, limit } = limited({ window: "0ms", minimumCalls: 1, gradient: { buffer: 0.5 } });
  void watch(execute(limit(takes), 40, { clock }));
  await clock.advance(40);
  expect(limit.snapshot().baselineMs).toBe(40);
  limit.reconfigure({ backoffRatio: 0.5 });
  expect(limit.snapshot()).toMatchObject({ baselineMs: 40, algorithm: "gradient" });
  limit.reconfigure({ algorithm: "vegas" });
  expect(limit.snapshot()).toMatchObject({ baselineMs: undefined, algorithm: "vegas", limit: 20 });
  expect(() => limit.reconfigure({ gradient: { buffer: 0.1 } })).toThrow(
    'adaptiveConcurrency.gradient is for the algorithm "gradient", and the algorithm is "vegas"',
  );
  expect(() => limit.reconfigure({ max: 0 })).toThrow("adaptiveConcurrency.max must be");
  expect(() => limit.reconfigure({ initial: 5 } as never)).toThrow(
    "adaptiveConcurrency.initial is not an option",
  );
  expect(limit.snapshot()).toMatchObject({ algorithm: "vegas", max: 200 });
});

test("a wall clock that jumps changes nothing, and nothing keeps the process alive", async () => {
  const { clock, limit } = limited({ ...eager, initial: 2 });
  const answer = watch(execute(limit(takes), 100, { clock }));
  clock.jumpWall(-3_600_000);
  await clock.advance(100);
  expect([answer.status, limit.snapshot().latencyMs, clock.pending]).toEqual(["fulfilled", 100, 0]);
});

test("a refusal teaches no latency, however long it took", async () => {
  const { clock, limit } = limited({ window: "0ms", minimumCalls: 1 });
  const refuses: Call<string, string> = (_, context) =>
    new Promise((_resolve, reject) => {
      context.clock.setTimer(5, () => reject(failure({ kind: "refused" })));
    });
  void watch(execute(limit(refuses), "", { clock }));
  await clock.advance(5);
  expect(limit.snapshot()).toMatchObject({ baselineMs: undefined, latencyMs: undefined, inUse: 0 });
});

test("an answer that came faster than any network is no latency", async () => {
  const { limit } = limited({ window: "0ms", minimumCalls: 1 });
  await execute(limit(echo), "");
  expect(limit.snapshot()).toMatchObject({ baselineMs: undefined, latencyMs: undefined });
});

test.each(["gradient", "gradient2", "vegas", "aimd"] as const)(
  "%s takes its defaults and can be used as it is",
  (algorithm) => {
    expect(adaptiveConcurrency({ algorithm }).snapshot()).toMatchObject({
      algorithm,
      limit: 20,
      min: 3,
      max: 200,
    });
  },
);

test("bounds move defaults that they leave out", () => {
  expect(adaptiveConcurrency({ max: 2 }).snapshot()).toMatchObject({ min: 2, max: 2, limit: 2 });
  expect(adaptiveConcurrency({ min: 500 }).snapshot()).toMatchObject({ min: 500, max: 500, limit: 500 });
  expect(adaptiveConcurrency().snapshot()).toMatchObject({ limit: adaptiveConcurrencyDefaults.initial });
});

test.each<[AdaptiveConcurrencyOptions | Record<string, unknown>, string]>([
  [{ algorithm: "bbr" }, 'algorithm must be one of "gradient", "gradient2", "vegas", "aimd"; got "bbr"'],
  [{ initial: 2 }, "adaptiveConcurrency.initial must be a whole number, between 3 and 200; got 2"],
  [{ initial: 201 }, "between 3 and 200; got 201"],
  [{ min: 0 }, "adaptiveConcurrency.min must be a whole number, between 1 and 1000000; got 0"],
  [{ min: 10, max: 9 }, "adaptiveConcurrency.max must be a whole number, between 10 and 1000000; got 9"],
  [{ max: 2.5 }, "adaptiveConcurrency.max must be a whole number"],
  [{ window: 1_000 }, "adaptiveConcurrency.window must be a duration"],
  [{ minimumCalls: 0 }, "adaptiveConcurrency.minimumCalls must be a whole number, at least 1; got 0"],
  [{ backoffRatio: 1 }, "adaptiveConcurrency.backoffRatio must be a number, between 0.1 and 0.99; got 1"],
  [{ retryAfter: "soon" }, "adaptiveConcurrency.retryAfter must be a duration"],
  [{ isDrop: 503 }, "adaptiveConcurrency.isDrop must be a function; got 503"],
  [
    { gradient: { buffer: -1 } },
    "adaptiveConcurrency.gradient.buffer must be a number, between 0 and 10; got -1",
  ],
  [
    { gradient: { probeEvery: 1 } },
    "adaptiveConcurrency.gradient.probeEvery must be a number, between 2 and",
  ],
  [{ gradient: { bufer: 1 } }, 'adaptiveConcurrency.gradient.bufer is not an option; did you mean "buffer"?'],
  [{ gradient: 0.25 }, "adaptiveConcurrency.gradient must be an object; got 0.25"],
  [{ vegas: {} }, 'adaptiveConcurrency.vegas is for the algorithm "vegas", and the algorithm is "gradient"'],
  [
    { algorithm: "vegas", vegas: { alpha: 7 } },
    "adaptiveConcurrency.vegas.alpha must be a number, between 0.1 and 6; got 7",
  ],
  [{ algorithm: "vegas", vegas: { smoothing: 0 } }, "vegas.smoothing must be a ratio above 0"],
  [
    { algorithm: "gradient2", gradient2: { tolerance: 0.9 } },
    "gradient2.tolerance must be a number, between 1 and 10",
  ],
  [
    { algorithm: "gradient2", gradient2: { longWindow: 9 } },
    "gradient2.longWindow must be a whole number, at least 10",
  ],
  [{ algorithm: "gradient2", gradient2: { queueSize: 0 } }, "gradient2.queueSize must be a whole number"],
  [{ algorithm: "aimd", aimd: { slowAfter: 5 } }, "adaptiveConcurrency.aimd.slowAfter must be a duration"],
  [{ random: 0.5 }, "adaptiveConcurrency.random must be a function; got 0.5"],
  [{ clock: null }, "adaptiveConcurrency.clock must not be null; write a value or leave it out"],
  [{ maximum: 3 }, "adaptiveConcurrency.maximum is not an option"],
  [{ name: "" }, "adaptiveConcurrency.name must be a non-empty string"],
])("%j is refused with its path and the fix", (options, message) => {
  expect(() => adaptiveConcurrency(options as AdaptiveConcurrencyOptions)).toThrow(message);
});

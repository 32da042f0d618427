import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { failure, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  type BulkheadQueueOptions,
  bulkhead,
  bulkheadDefaults,
  CallContext,
  execute,
  type PolicyEvent,
  pipeline,
} from "../index.ts";

/** Serves one at a time, and tells in which order. */
function counter(queue: Partial<BulkheadQueueOptions>): {
  clock: VirtualClock;
  guard: ReturnType<typeof bulkhead>;
  events: PolicyEvent[];
  come: (...inputs: string[]) => { input: string; status: string; error?: unknown }[];
  /** Ends the call that runs. */
  serve: (afterMs?: number) => Promise<void>;
  served: string[];
} {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const guard = bulkhead({
    limit: 1,
    queue: { maxWaiting: 10, timeout: "10s", ...queue },
    onEvent: (event) => void events.push(event),
  });
  const served: string[] = [];
  const ends: (() => void)[] = [];
  const call = guard<string, string>(
    (input) =>
      new Promise((resolve) => {
        served.push(input);
        ends.push(() => resolve(input));
      }),
  );
  return {
    clock,
    guard,
    events,
    served,
    come: (...inputs) =>
      inputs.map((input) => Object.assign(watch(execute(call, input, { clock })), { input })),
    serve: async (afterMs = 0) => {
      await clock.advance(afterMs);
      ends.shift()?.();
      await clock.advance(0);
    },
  };
}

test("the newest first with lifo", async () => {
  const { come, serve, served } = counter({ order: "lifo" });
  come("a", "b", "c", "d");
  for (let index = 0; index < 4; index += 1) await serve();
  expect(served.join("")).toBe("adcb");
});

test("the more important first, and nobody is passed over for ever", async () => {
  const { come, serve, served } = counter({
    priorities: { levels: 2, of: (input) => (input === "h" ? 1 : 0), maxOvertakes: 2 },
  });
  come("-", "l", "l", "h", "h", "h", "h");
  for (let index = 0; index < 7; index += 1) await serve();
  expect(served.join("")).toBe("-hhlhhl");
});

test("keys take turns", async () => {
  const { come, serve, served } = counter({ fairness: { key: String } });
  come("-", "a", "a", "a", "b", "c");
  for (let index = 0; index < 6; index += 1) await serve();
  expect(served.join("")).toBe("-abcaa");
});

test("a function that sorts calls and throws fails nobody", async () => {
  const broken = (): never => {
    throw new Error("broken");
  };
  const { come, serve, served } = counter({
    priorities: { levels: 2, of: broken },
    fairness: { key: broken },
  });
  come("a", "b", "c");
  for (let index = 0; index < 3; index += 1) await serve();
  expect(served.join("")).toBe("abc");
});

test("a more important call displaces the newest of the least important when the queue is full", async () => {
  const { come, serve, served, guard, events } = counter({
    maxWaiting: 2,
    priorities: { levels: 2, of: Number },
  });
  const [, , displaced] = come("0", "0", "0", "1");
  await serve(5);
  await serve();
  await serve();
  expect(served.join("")).toBe("010");
  expect(displaced?.error).toMatchObject({
    code: "QUEUE_FULL",
    effect: "none",
    kind: "rejected",
    message: "the queue of the bulkhead is full, and after 0 ms the call made room for another",
  });
  expect(guard.snapshot()).toMatchObject({ rejected: 1, rejectedBy: { displaced: 1, queueFull: 0 } });
  expect(events.slice(0, 2)).toEqual([
    { type: "queueRejected", name: undefined, code: "QUEUE_FULL", limit: 1, waiting: 2, retryAfterMs: 1_000 },
    { type: "queueLeft", name: undefined, policy: "bulkhead", waitedMs: 0, outcome: "QUEUE_FULL" },
  ]);
});

test("a standing queue is cut by controlled delay, a burst is not", async () => {
  const standing = counter({ order: "codel", codel: { target: "5ms", interval: "100ms" } });
  const waits = standing.come(..."abcdefghij");
  for (let index = 0; index < 4; index += 1) await standing.serve(50);
  expect(standing.served.join("")).toBe("abcef");
  expect(waits[3]?.error).toMatchObject({
    code: "QUEUE_OVERLOADED",
    effect: "none",
    kind: "rejected",
    message: "the queue of the bulkhead stands: the call was dropped after 150 ms",
  });
  expect(standing.guard.snapshot()).toMatchObject({ rejectedBy: { overloaded: 1 }, waiting: 4 });
  const burst = counter({ order: "codel" });
  burst.come(..."abcdefghij");
  for (let index = 0; index < 10; index += 1) await burst.serve(9);
  expect([burst.served.join(""), burst.guard.snapshot().rejected]).toEqual(["abcdefghij", 0]);
});

test("adaptive LIFO: while controlled delay drops, the newest is let in first, and then in order again", async () => {
  const { come, serve, served, guard } = counter({ order: "codel", codel: { newestFirst: true } });
  come(..."abcdefgh");
  for (let index = 0; index < 4; index += 1) await serve(50);
  expect(served.join("")).toBe("abchg");
  for (let index = 0; index < 4; index += 1) await serve(0);
  expect(guard.snapshot().waiting).toBe(0);
  come(..."123");
  for (let index = 0; index < 3; index += 1) await serve(1);
  expect(served.slice(-3).join("")).toBe("123");
});

test("a call is not queued when the pace of the queue says that its deadline would pass", async () => {
  const { come, serve, guard, clock } = counter({});
  come(..."abcdefghij");
  const ask = (leftMs: number): Promise<string> =>
    guard<string, string>(async () => "ok")(
      "",
      new CallContext({ clock, deadlineAtMs: clock.now() + leftMs }),
    );
  // Four gaps are needed, of five hand-overs.
  for (let index = 0; index < 5; index += 1) await serve(100);
  expect(guard.snapshot().waiting).toBe(4);
  await expect(ask(500)).rejects.toMatchObject({
    code: "WAIT_PAST_DEADLINE",
    effect: "none",
    kind: "rejected",
    message: "the wait for the bulkhead is about 500 ms, and the call has 500 ms left",
  });
  const justInTime = watch(ask(501));
  for (let index = 0; index < 5; index += 1) await serve(100);
  expect(justInTime.status).toBe("fulfilled");
  expect(guard.snapshot()).toMatchObject({ inUse: 0, waiting: 0, rejectedBy: { pastDeadline: 1 } });
});

test("no forecast is made where somebody who comes later may be let in first", async () => {
  for (const queue of [
    { order: "lifo" },
    { fairness: { key: String } },
    { priorities: { levels: 2, of: () => 0 } },
  ] as const) {
    const { come, serve, guard, clock } = counter(queue);
    come(..."abcdefghij");
    for (let index = 0; index < 6; index += 1) await serve(100);
    const context = new CallContext({ clock, deadlineAtMs: clock.now() + 10 });
    const late = watch(guard(async () => "ok")("", context));
    await clock.advance(9);
    expect(late.status).toBe("waiting");
    await clock.advance(1);
    expect(late.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  }
});

test("races: however ends, aborts, timeouts and new limits are ordered, no more than the limit run, and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(
        fc.record({
          end: fc.constantFrom("answer", "fail", "hang", "throw"),
          abort: fc.boolean(),
          limit: fc.option(fc.integer({ min: 1, max: 3 })),
          pauseMs: fc.constantFrom(0, 0, 3, 20),
        }),
        { minLength: 2, maxLength: 12 },
      ),
      fc.constantFrom("fifo", "lifo", "codel"),
      async (s, visits, order) => {
        const clock = new VirtualClock();
        const guard = bulkhead({ limit: 2, queue: { maxWaiting: 4, timeout: "30ms", order } });
        let running = 0;
        let most = 0;
        let highest = 2;
        const hanging = manual();
        const answers = visits.map(async ({ end, abort, limit, pauseMs }, index) => {
          await s.schedule(Promise.resolve(), `come ${index}`);
          const controller = new AbortController();
          if (abort) void s.schedule(Promise.resolve(), `abort ${index}`).then(() => controller.abort());
          if (limit !== null) {
            void s.schedule(Promise.resolve(), `limit ${limit}`).then(() => {
              highest = Math.max(highest, limit);
              guard.reconfigure({ limit });
            });
          }
          void s.schedule(Promise.resolve(), `time ${pauseMs}`).then(() => clock.advance(pauseMs));
          const call = pipeline(
            guard,
            attemptTimeout("40ms"),
          )<string, string>((input, context) => {
            if (end === "throw") throw failure();
            running += 1;
            most = Math.max(most, running);
            const work = end === "hang" ? hanging.call(input, context) : s.schedule(Promise.resolve(input));
            return work.then(
              () => {
                running -= 1;
                if (end === "fail") throw failure();
                return input;
              },
              (error: unknown) => {
                running -= 1;
                throw error;
              },
            );
          });
          return await execute(call, "", { clock, signal: controller.signal }).catch(() => "failed");
        });
        await s.waitIdle();
        // What hangs is left by its timeout, and ends later; who still waits is let in then.
        for (let round = 0; round < 40; round += 1) {
          await clock.advance(50);
          for (const { resolve } of hanging.calls) resolve("late");
          await s.waitIdle();
        }
        await Promise.all(answers);
        await clock.advance(0);
        expect(most).toBeLessThanOrEqual(highest);
        expect(guard.snapshot()).toMatchObject({ inUse: 0, outliving: 0, waiting: 0 });
        expect([running, clock.pending]).toEqual([0, 0]);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test("defaults stand in one place", () => {
  expect(bulkheadDefaults).toEqual({
    retryAfter: "1s",
    timeout: "1s",
    order: "fifo",
    codel: { target: "5ms", interval: "100ms", newestFirst: false },
    maxOvertakes: 8,
    maxKeys: 1_000,
  });
});

test("wrong options are refused with their path and the fix", () => {
  const making = (queue: unknown) => () => bulkhead({ limit: 1, queue: queue as BulkheadQueueOptions });
  for (const limit of [0, -1, 2.5, Number.NaN, "3"]) {
    expect(() => bulkhead({ limit: limit as number })).toThrow(
      "bulkhead.limit must be a whole number, at least 1",
    );
  }
  expect(() => bulkhead("3" as never)).toThrow(
    'bulkhead must be given a whole number, at least 1, or an object such as { limit: 100 }; got "3"',
  );
  expect(() => bulkhead({ limit: 1, que: {} } as never)).toThrow('did you mean "queue"?');
  expect(() => bulkhead({ limit: 1, retryAfter: 5 as never })).toThrow(
    "bulkhead.retryAfter must be a duration",
  );
  expect(making(5)).toThrow("bulkhead.queue must be an object; got 5");
  expect(making({})).toThrow("bulkhead.queue.maxWaiting must be a whole number, at least 1; got undefined");
  expect(making({ maxWaiting: 1, timeout: "0ms" })).toThrow("bulkhead.queue.timeout must lie between 1ms");
  expect(making({ maxWaiting: 1, order: "random" })).toThrow(
    'must be one of "fifo", "lifo", "codel"; got "random"',
  );
  expect(making({ maxWaiting: 1, codel: {} })).toThrow(
    'counts only with the order "codel"; got order "fifo"',
  );
  const codel = (options: unknown): unknown => ({ maxWaiting: 1, order: "codel", codel: options });
  expect(making(codel({ target: "100ms" }))).toThrow(
    "bulkhead.queue.codel.target must be shorter than the interval",
  );
  expect(making(codel({ interval: 3 }))).toThrow("bulkhead.queue.codel.interval must be a duration");
  expect(making(codel({ newestFirst: 1 }))).toThrow("bulkhead.queue.codel.newestFirst must be true or false");
  expect(making(codel({ goal: "1ms" }))).toThrow("bulkhead.queue.codel.goal is not an option");
  const priorities = (options: unknown): unknown => ({ maxWaiting: 1, priorities: options });
  expect(making(priorities({ levels: 1, of: Number }))).toThrow(
    "bulkhead.queue.priorities.levels must be a whole",
  );
  expect(making(priorities({ levels: 17, of: Number }))).toThrow("between 2 and 16; got 17");
  expect(making(priorities({ levels: 2 }))).toThrow("bulkhead.queue.priorities.of must be a function");
  expect(making(priorities({ levels: 2, of: Number, maxOvertakes: 0 }))).toThrow(
    "maxOvertakes must be a whole",
  );
  const fairness = (options: unknown): unknown => ({ maxWaiting: 1, fairness: options });
  expect(making(fairness({ key: "tenant" }))).toThrow(
    'bulkhead.queue.fairness.key must be a function; got "tenant"',
  );
  expect(making(fairness({ key: String, maxKeys: 0 }))).toThrow(
    "bulkhead.queue.fairness.maxKeys must be a whole",
  );
});

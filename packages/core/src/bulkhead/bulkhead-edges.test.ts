import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, manual, silent, watch } from "../../test/calls.ts";
import {
  type BulkheadOptions,
  type BulkheadQueueOptions,
  bulkhead,
  CallContext,
  execute,
  type PolicyEvent,
} from "../index.ts";

/** Time at which these tests begin: not 0, so that an instant is told from a length of time. */
const startMs = 5_000;

interface Desk {
  readonly clock: VirtualClock;
  readonly guard: ReturnType<typeof bulkhead>;
  readonly events: PolicyEvent[];
  /** Ends the call that holds the slot. */
  readonly free: () => Promise<void>;
}

/** A bulkhead of one slot, which is taken, at a time that is not 0. */
async function taken(
  options: Partial<BulkheadOptions> = {},
  clock: VirtualClock = new VirtualClock(),
): Promise<Desk> {
  const events: PolicyEvent[] = [];
  const guard = bulkhead({
    limit: 1,
    queue: { maxWaiting: 10, timeout: "1s" },
    onEvent: (event) => void events.push(event),
    ...options,
  });
  const first = manual();
  await clock.advance(startMs);
  void watch(guard(first.call)("", new CallContext({ clock })));
  await clock.advance(0);
  return {
    clock,
    guard,
    events,
    free: async () => {
      first.calls[0]?.resolve("");
      await clock.advance(0);
    },
  };
}

const queue = (options: Partial<BulkheadQueueOptions>): Partial<BulkheadOptions> => ({
  queue: { maxWaiting: 10, timeout: "1s", ...options },
});

test("a new bulkhead has nothing to tell yet", () => {
  expect(bulkhead(3).snapshot()).toEqual({
    kind: "bulkhead",
    name: undefined,
    limit: 3,
    inUse: 0,
    outliving: 0,
    waiting: 0,
    maxWaiting: 0,
    oldestWaitMs: 0,
    waits: { count: 0, meanMs: 0, maxMs: 0 },
    rejected: 0,
    rejectedBy: { limitReached: 0, queueFull: 0, displaced: 0, timedOut: 0, overloaded: 0, pastDeadline: 0 },
    aborted: 0,
  });
});

test("a call that is aborted already does not begin, although a slot is free", async () => {
  const guard = bulkhead(1);
  const context = new CallContext();
  const reason = failure({ kind: "aborted" });
  context.abort(reason);
  let made = false;
  const answer = guard(async () => {
    made = true;
  })("", context);
  await expect(answer).rejects.toBe(reason);
  expect([made, guard.snapshot().inUse]).toEqual([false, 0]);
});

test("waits are told in time that has passed", async () => {
  const { clock, guard, events, free } = await taken();
  const operation = "checkout.pay";
  const call = watch(guard(echo)("ok", new CallContext({ clock, operation })));
  await clock.advance(40);
  expect(guard.snapshot().oldestWaitMs).toBe(40);
  await free();
  expect(call.value).toBe("ok");
  expect(guard.snapshot().waits).toEqual({ count: 1, meanMs: 40, maxMs: 40 });
  expect(events).toEqual([
    { type: "queueLeft", name: undefined, operation, policy: "bulkhead", waitedMs: 40, outcome: "admitted" },
  ]);
});

test("a limit that is reached without a queue is reported", async () => {
  const { clock, guard, events } = await taken({ queue: undefined, name: "toss", retryAfter: "2s" });
  await expect(guard(echo)("", new CallContext({ clock, operation: "pay" }))).rejects.toMatchObject({
    message: "the limit of the bulkhead of toss (1) is reached; try again in 2 s",
  });
  expect(events).toEqual([
    {
      type: "limitReached",
      name: "toss",
      operation: "pay",
      code: "LIMIT_REACHED",
      limit: 1,
      retryAfterMs: 2_000,
    },
  ]);
});

test("an aborted wait is reported, and ends with why", async () => {
  const { clock, guard, events } = await taken();
  const waits = ["aborted", "rejected", "timeout"].map((kind) => {
    const context = new CallContext({ clock });
    const reason = failure({ kind: kind as "aborted" });
    return { context, reason, answer: watch(guard(echo)("", context)) };
  });
  await clock.advance(30);
  for (const { context, reason } of waits) context.abort(reason);
  await clock.advance(0);
  // What the other side did not see does not speak against it, whatever ended the wait.
  const [aborted, rejected, late] = waits;
  expect([aborted?.answer.error, rejected?.answer.error]).toEqual([aborted?.reason, rejected?.reason]);
  expect(late?.answer.error).toMatchObject({
    code: "CALL_ABORTED",
    effect: "none",
    kind: "aborted",
    message: "the call was aborted while it waited for its turn",
    cause: late?.reason,
  });
  expect(events).toHaveLength(3);
  expect(events[0]).toMatchObject({ type: "queueLeft", waitedMs: 30, outcome: "aborted" });
});

test("however a wait ends without the call, the call is as open as it was before", async () => {
  const { clock, guard } = await taken({ queue: { maxWaiting: 1, timeout: "1s" } });
  const [waiter, tooMany, aborted] = [0, 1, 2].map(() => new CallContext({ clock })) as [
    CallContext,
    CallContext,
    CallContext,
  ];
  const answers = [waiter, tooMany].map((context) => watch(guard(silent)("", context)));
  await clock.advance(0);
  expect([waiter.effect, tooMany.effect]).toEqual(["none", "unknown"]);
  await clock.advance(1_000);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  void watch(guard(silent)("", aborted));
  expect(aborted.effect).toBe("none");
  aborted.abort(failure({ kind: "aborted" }));
  expect([waiter.effect, aborted.effect]).toEqual(["unknown", "unknown"]);
});

test("a wait that may last exactly as long as the deadline ends by the deadline", async () => {
  const { clock, guard } = await taken();
  const answer = watch(guard(echo)("", new CallContext({ clock, deadlineAtMs: startMs + 1_000 })));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({
    code: "DEADLINE_EXCEEDED",
    message: "the deadline of the call passed before the bulkhead had a free slot",
  });
});

/** Its timers are late, as they are when something else keeps the process busy. */
class LateClock extends VirtualClock {
  override setTimer(): { cancel(): void } {
    return { cancel() {} };
  }
}

test.each([
  [1_000, "QUEUE_TIMEOUT", "timedOut"],
  [900, "DEADLINE_EXCEEDED", "pastDeadline"],
] as const)(
  "a slot that comes when the time is up, before a late timer, is not taken: %i ms",
  async (inMs, code, counted) => {
    const { clock, guard, events, free } = await taken({}, new LateClock());
    const context = new CallContext({ clock, deadlineAtMs: inMs < 1_000 ? startMs + inMs : undefined });
    const answer = watch(guard(echo)("", context));
    await clock.advance(inMs);
    await free();
    expect(answer.error).toMatchObject({ code, effect: "none", kind: "rejected" });
    expect(guard.snapshot()).toMatchObject({ inUse: 0, waiting: 0, rejectedBy: { [counted]: 1 } });
    expect(events.at(-1)).toMatchObject({ type: "queueLeft", waitedMs: inMs, outcome: code });
  },
);

test("who makes room for another is told for how long it waited", async () => {
  const { clock, guard, events } = await taken(
    queue({ maxWaiting: 1, priorities: { levels: 2, of: (input) => (input === "high" ? 1 : 0) } }),
  );
  const answer = watch(execute(guard(echo), "low", { clock }));
  await clock.advance(40);
  void watch(execute(guard(echo), "high", { clock }));
  await clock.advance(0);
  expect(answer.error).toMatchObject({
    message: "the queue of the bulkhead is full, and after 40 ms the call made room for another",
  });
  expect(events.at(-1)).toMatchObject({ type: "queueLeft", waitedMs: 40, outcome: "QUEUE_FULL" });
});

test("a call whose key is no string takes the turn of those without a key", async () => {
  const { clock, guard, free } = await taken(
    queue({ fairness: { key: (input) => (input === "x" ? (5 as never) : "") } }),
  );
  const served: unknown[] = [];
  const call = guard(async (input: string) => void served.push(input));
  const done = ["1", "2", "x"].map((input) => execute(call, input, { clock }));
  await free();
  await Promise.all(done);
  expect(served.join("")).toBe("12x");
});

test("a limit can be changed without a queue, and leaves the room of a queue as it is", () => {
  const plain = bulkhead(1);
  plain.reconfigure({ limit: 2 });
  expect(plain.snapshot()).toMatchObject({ limit: 2, maxWaiting: 0 });
  const waiting = bulkhead({ limit: 1, queue: { maxWaiting: 3 } });
  waiting.reconfigure({ limit: 2 });
  expect(waiting.snapshot()).toMatchObject({ limit: 2, maxWaiting: 3 });
});

/** Counts how often it is asked for the time. */
class AskedClock extends VirtualClock {
  asked = 0;
  override now(): number {
    this.asked += 1;
    return super.now();
  }
}

test("a slot for which nobody waits is given back without a look at the clock", async () => {
  const clock = new AskedClock();
  const { guard, free } = await taken({}, clock);
  const waited = watch(guard(echo)("", new CallContext({ clock })));
  await free();
  expect(waited.status).toBe("fulfilled");
  const before = clock.asked;
  await guard(echo)("", new CallContext({ clock }));
  expect(clock.asked).toBe(before);
});

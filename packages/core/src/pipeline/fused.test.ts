import { seededRandom, VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  attemptTimeout,
  type Call,
  type CallContext,
  type ConcurrencyLimit,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  Failure,
  failWhen,
  fixed,
  loadBudget,
  type Policy,
  type PolicyEvent,
  pipeline,
  retry,
  tryExecute,
  verdictOf,
} from "../index.ts";
import { compose, fusedOf } from "./fuse.ts";

/** The form that means what it says: each policy wraps the next. */
const nested = (policies: readonly Policy[]): Policy => {
  return (next) => policies.reduceRight((inner, policy) => policy(inner), next);
};

interface Act {
  readonly sentAfterMs: number;
  readonly endsAfterMs: number;
  readonly end:
    | "ok"
    | "bad"
    | "failed"
    | "wait"
    | "refused"
    | "limited"
    | "plain"
    | "throws"
    | "value"
    | "never";
  readonly obeys: boolean;
  /** Its caller leaves while the call is being made. */
  readonly leftAtOnce: boolean;
  /** Part of the work goes on after the call has ended. */
  readonly leaves: boolean;
}

interface Caller {
  readonly startsAtMs: number;
  readonly abortsAfterMs: number | undefined;
  readonly deadlineAfterMs: number | undefined;
  readonly idempotent: boolean;
  readonly tries: boolean;
  readonly acts: readonly Act[];
}

const anyAct: fc.Arbitrary<Act> = fc.record({
  sentAfterMs: fc.constantFrom(0, 3, 51, 201),
  endsAfterMs: fc.constantFrom(0, 7, 53, 97, 103, 310),
  end: fc.constantFrom(
    "ok",
    "bad",
    "failed",
    "wait",
    "refused",
    "limited",
    "plain",
    "throws",
    "value",
    "never",
  ),
  obeys: fc.boolean(),
  leftAtOnce: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
  leaves: fc.boolean(),
});
const anyCaller: fc.Arbitrary<Caller> = fc.record({
  startsAtMs: fc.integer({ min: 0, max: 500 }),
  abortsAfterMs: fc.option(fc.constantFrom(0, 1, 49, 111, 160, 263), { nil: undefined, freq: 3 }),
  deadlineAfterMs: fc.option(fc.constantFrom(0, 31, 119, 271), { nil: undefined, freq: 2 }),
  idempotent: fc.boolean(),
  tries: fc.boolean(),
  acts: fc.array(anyAct, { minLength: 1, maxLength: 4 }),
});

const through: Policy = (next) => (input, context) => next(input, context);

interface World {
  readonly clock: VirtualClock;
  readonly log: string[];
  readonly policies: readonly Policy[];
  readonly counts: readonly { snapshot(): unknown }[];
  readonly limit: ConcurrencyLimit;
}

function world(): World {
  const clock = new VirtualClock();
  const log: string[] = [];
  const onEvent = (event: PolicyEvent): void => {
    log.push(
      `${clock.now()} ${JSON.stringify(event, (key, value) => (key === "error" ? String(value) : value))}`,
    );
  };
  // Scarce, so that what is not given back is missed.
  const budget = loadBudget({ ratio: 0.3, minPerSecond: 1, window: "2s" });
  const limit = concurrencyLimit({ limit: 2, name: "limit", onEvent });
  const breaker = circuitBreaker({
    clock,
    window: "200ms",
    minimumCalls: 4,
    openFor: "100ms",
    probes: 2,
    maxHalfOpen: "150ms",
    onEvent,
  });
  const bad = (result: unknown): Failure | undefined =>
    result === "bad" ? new Failure("bad", { code: "BAD", effect: "unknown" }) : undefined;
  const policies = [
    deadline({ total: "400ms", name: "deadline", onEvent }),
    retry({ backoff: fixed("40ms"), random: seededRandom(7), budget, name: "retry", onEvent }),
    breaker,
    limit,
    attemptTimeout({ timeout: "100ms", name: "timeout", onEvent }),
    failWhen(bad),
    through,
    concurrencyLimit({ limit: 3, name: "second", onEvent }),
    concurrencyLimit({ limit: 4, name: "third", onEvent }),
    retry({ maxRetries: 1, backoff: fixed("11ms"), jitter: "none", name: "inner retry", onEvent }),
    deadline({ total: "230ms", name: "inner deadline", onEvent }),
  ];
  const counts = [budget, breaker, ...policies].flatMap((each) => ("snapshot" in each ? [each] : []));
  return { clock, log, policies, limit, counts };
}

/** Everything anybody can see: when and how each caller is answered, what is sent, every event, every effect. */
async function play(
  callers: readonly Caller[],
  places: readonly number[],
  form: (policies: readonly Policy[]) => Policy,
) {
  const { clock, log, policies, limit, counts } = world();
  const chosen = places.flatMap((place) => policies[place] ?? []);
  const composed = form(chosen);
  for (const [number, caller] of callers.entries()) {
    clock.setTimer(caller.startsAtMs, () => {
      const controller = new AbortController();
      if (caller.abortsAfterMs !== undefined) clock.setTimer(caller.abortsAfterMs, () => controller.abort());
      let attempts = 0;
      const call: Call<string, string> = (_input, context) => {
        attempts += 1;
        const act = caller.acts[Math.min(attempts, caller.acts.length) - 1];
        if (act === undefined) throw new Error("no act");
        if (act.leftAtOnce) controller.abort();
        return perform(act, `${number}.${attempts}`, context, clock, log);
      };
      // The plain form of the call around it, where its effect can be watched while it goes on.
      const watched: Policy = (next) => (input, context) => {
        for (const afterMs of [25, 75, 130, 220, 390]) {
          clock.setTimer(afterMs, () => log.push(`${clock.now()} effect of ${number}: ${context.effect}`));
        }
        context.whenWorkEnds(() => {});
        return next(input, context);
      };
      const guarded = number % 2 === 0 ? composed(call) : watched(composed(call));
      const { idempotent, deadlineAfterMs } = caller;
      const options = {
        clock,
        idempotent,
        key: `key ${number}`,
        ...(caller.abortsAfterMs === undefined && !caller.acts.some(({ leftAtOnce }) => leftAtOnce)
          ? {}
          : { signal: controller.signal }),
        ...(deadlineAfterMs === undefined ? {} : { deadlineAtMs: clock.now() + deadlineAfterMs }),
      };
      const answered = (how: string, error: unknown): void => {
        const { effect, kind } = verdictOf(error);
        log.push(`${clock.now()} ${number} ${how} ${String(error)} ${effect} ${kind}`);
      };
      const answer: Promise<unknown> = caller.tries
        ? tryExecute(guarded, "", options).then((result) => {
            if (!result.ok)
              throw result.failure.code === "CALL_FAILED"
                ? (result.failure.cause ?? result.failure)
                : result.failure;
            return result.value;
          })
        : execute(guarded, "", options);
      answer.then(
        (value) => log.push(`${clock.now()} ${number} answered ${String(value)}`),
        (error: unknown) => answered("failed", error),
      );
    });
  }
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
  expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
  // Within one instant the two forms differ in the number of microtasks, not in what happens.
  return { log: log.toSorted(), counts: counts.map((each) => each.snapshot()) };
}

function perform(
  act: Act,
  name: string,
  context: CallContext,
  clock: VirtualClock,
  log: string[],
): Promise<string> {
  const { sentAfterMs, endsAfterMs, end, obeys, leaves } = act;
  log.push(
    `${clock.now()} ${name} begins: attempt ${context.attempt} until ${context.deadlineAtMs} ${context.key} ${context.abortReason}`,
  );
  context.record("none");
  if (end === "throws") throw new Failure("at once", { code: "AT_ONCE", effect: "none" });
  if (end === "value") return "value" as never;
  if (leaves) context.leaveRunning(new Promise((resolve) => clock.setTimer(333, () => resolve(undefined))));
  return new Promise((resolve, reject) => {
    const send = clock.setTimer(sentAfterMs, () => {
      if (context.abortReason !== undefined) return;
      context.record("unknown");
      log.push(`${clock.now()} ${name} sent`);
    });
    let forget = (): void => {};
    const finish = (settle: () => void): void => {
      send.cancel();
      ended.cancel();
      forget();
      settle();
    };
    const ended = clock.setTimer(end === "never" ? 4_000 : endsAfterMs, () =>
      finish(() => {
        if (end === "ok" || end === "bad") resolve(end);
        else reject(errorOf(end, context));
      }),
    );
    forget = context.onAbort((reason) => {
      log.push(`${clock.now()} ${name} told to stop: ${reason.code}`);
      if (obeys) finish(() => reject(reason));
    });
  });
}

function errorOf(end: Act["end"], { effect }: CallContext): Error {
  if (end === "refused") return new Failure("no", { code: "CARD_DECLINED", effect: "none", kind: "refused" });
  if (end === "limited") return new Failure("full", { code: "INNER_LIMIT", effect, kind: "rejected" });
  if (end === "wait") return new Failure("later", { code: "LATER", effect, retryAfterMs: 61 });
  return end === "plain" ? new Error("reset") : new Failure("failed", { code: "FAILED", effect });
}

/** Not the same object twice: a composition has each policy once. */
const anyOrder = fc.oneof(
  fc.constant([0, 1, 2, 3, 4]),
  fc.subarray([0, 1, 2, 3, 7, 8, 4, 5]),
  fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { minLength: 1, maxLength: 8 }),
);

test("run as one or each wrapping the next: the same answers, requests, events, effects and slots, whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCaller, { minLength: 1, maxLength: 6 }),
      anyOrder,
      async (callers, order) => {
        const one = await play(
          callers,
          order,
          (policies) => (next) =>
            // Not `pipeline`, which would refuse some orders.
            compose(policies, next),
        );
        const each = await play(callers, order, nested);
        expect(one).toEqual(each);
      },
    ),
    { numRuns: Number(process.env["RUNS"] ?? 500) },
  );
});

test("known policies in the usual order are one run, also through pipelines in pipelines", () => {
  const call = async (): Promise<string> => "ok";
  const inner = pipeline(concurrencyLimit(9), attemptTimeout("1s"));
  const one = fusedOf(pipeline(deadline("9s"), retry(), circuitBreaker(), inner)(call));
  expect(one?.next).toBe(call);
  expect(one?.doors.gates.map(({ policy }) => policy)).toEqual(["circuitBreaker", "concurrencyLimit"]);
  expect(fusedOf(pipeline(through, attemptTimeout("1s"))(call))).toBeUndefined();
  expect(fusedOf(pipeline(attemptTimeout("1s"), through)(call))?.next).not.toBe(call);
});

test("an inner deadline that notices first is reported by the deadline of the run, once", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const { promise, reject } = Promise.withResolvers<string>();
  // Armed before the run's own timer, for the same instant.
  clock.setTimer(400, () => reject(new Failure("over", { code: "DEADLINE_EXCEEDED", effect: "none" })));
  const policy = pipeline(
    deadline({ total: "400ms", onEvent: (event) => events.push(event) }),
    attemptTimeout("400ms"),
  );
  const answer = execute(
    policy(() => promise),
    "",
    { clock },
  ).catch((error: unknown) => error);
  await clock.advance(400);
  expect(await answer).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "none" });
  expect(events).toEqual([{ type: "deadlineExceeded", name: undefined, effect: "none" }]);
});

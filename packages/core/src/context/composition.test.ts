import { getEventListeners } from "node:events";
import { seededRandom, VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  attemptTimeout,
  type Call,
  type CallContext,
  type CircuitBreaker,
  type ConcurrencyLimit,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  type Effect,
  execute,
  Failure,
  fixed,
  type Policy,
  type PolicyEvent,
  pipeline,
  retry,
  verdictOf,
} from "../index.ts";
import { compose } from "../pipeline/fuse.ts";

test("a call that hangs twice and then answers is saved by retry, inside one deadline, and leaves nothing behind", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): void => void events.push(event);
  const breaker = circuitBreaker({ clock, probes: 1, onEvent });
  const limit = concurrencyLimit({ limit: 1, onEvent });
  const policies = pipeline(
    deadline({ total: "10s", onEvent }),
    retry({ backoff: fixed("500ms"), jitter: "none", onEvent }),
    breaker,
    limit,
    attemptTimeout({ timeout: "1s", onEvent }),
  );
  let calls = 0;
  const call = policies<string, string>(async (input, context) => {
    calls += 1;
    if (calls === 3) return `${input} at ${clock.now()}`;
    return await new Promise((_, reject) => context.onAbort(reject));
  });

  const answer = execute(call, "answered", { clock, idempotent: true });
  await clock.advance(3_000);
  expect(await answer).toBe("answered at 3000");
  expect(events.map(({ type }) => type)).toEqual([
    "attemptTimedOut",
    "retryScheduled",
    "attemptTimedOut",
    "retryScheduled",
  ]);
  expect(limit.snapshot()).toMatchObject({ limit: 1, inUse: 0, outliving: 0, rejected: 0 });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 2, calls: 3 });
  expect(clock.pending).toBe(0);
});

test("attempts, waits and the last attempt spend one deadline", async () => {
  const clock = new VirtualClock();
  const lefts: number[] = [];
  const events: string[] = [];
  const onEvent = ({ type }: PolicyEvent): void => void events.push(`${type} at ${clock.now()}`);
  const policies = pipeline(
    deadline({ total: "2500ms", onEvent }),
    retry({ backoff: fixed("500ms"), jitter: "none", onEvent }),
    circuitBreaker({ clock, probes: 1, onEvent }),
    concurrencyLimit({ limit: 1, onEvent }),
    attemptTimeout({ timeout: "1s", onEvent }),
  );
  const call = policies<string, string>((_, context) => {
    lefts.push(context.leftMs);
    return new Promise((_resolve, reject) => void context.onAbort(reject));
  });
  const answer = execute(call, "", { clock, idempotent: true }).catch((error: unknown) => error);
  await clock.advance(10_000);
  expect(await answer).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown" });
  expect(lefts).toEqual([2_500, 1_000]);
  expect(events).toEqual([
    "attemptTimedOut at 1000",
    "retryScheduled at 1000",
    // What is left equals the timeout, so it is the deadline that ends this attempt.
    "deadlineExceeded at 2500",
  ]);
});

interface Behaviour {
  /** When the request would leave: from here on it may have an effect. */
  readonly sentAfterMs: number;
  readonly endsAfterMs: number;
  readonly end: "ok" | "failed" | "refused" | "limited" | "plainError" | "throwsAtOnce" | "never";
  readonly obeysAbort: boolean;
}

interface Customer {
  readonly startsAtMs: number;
  readonly abortsAfterMs: number | undefined;
  readonly idempotent: boolean;
  /** One for each attempt; the last one stays. */
  readonly attempts: readonly Behaviour[];
}

const anyBehaviour: fc.Arbitrary<Behaviour> = fc.record({
  sentAfterMs: fc.constantFrom(0, 5, 60, 250),
  endsAfterMs: fc.constantFrom(0, 5, 60, 99, 100, 101, 300),
  end: fc.constantFrom("ok", "failed", "refused", "limited", "plainError", "throwsAtOnce", "never"),
  obeysAbort: fc.boolean(),
});

const anyCustomer: fc.Arbitrary<Customer> = fc.record({
  startsAtMs: fc.integer({ min: 0, max: 600 }),
  abortsAfterMs: fc.option(fc.constantFrom(0, 1, 50, 100, 150, 250), { nil: undefined }),
  idempotent: fc.boolean(),
  attempts: fc.array(anyBehaviour, { minLength: 1, maxLength: 3 }),
});

/** The other side, as the test plays it for one customer. */
class OtherSide {
  running = 0;
  mostRunning = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** @param sent - Told when a request leaves. */
  serve(customer: Customer, sent: () => void): Call<string, string> {
    let attempts = 0;
    return (input, context) => {
      const behaviour = customer.attempts[Math.min(attempts, customer.attempts.length - 1)];
      attempts += 1;
      if (behaviour === undefined) throw new Error("no behaviour");
      context.record("none");
      if (behaviour.end === "throwsAtOnce") throw new Failure("at once", { code: "AT_ONCE", effect: "none" });
      return this.#request(behaviour, input, context, sent);
    };
  }

  #request(
    { sentAfterMs, endsAfterMs, end, obeysAbort }: Behaviour,
    input: string,
    context: CallContext,
    sent: () => void,
  ): Promise<string> {
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    let reached: Effect = "none";
    return new Promise<string>((resolve, reject) => {
      const send = this.#clock.setTimer(sentAfterMs, () => {
        if (context.abortReason !== undefined) return;
        reached = "unknown";
        context.record(reached);
        sent();
      });
      const finish = (settle: () => void): void => {
        send.cancel();
        over.cancel();
        forget();
        this.running -= 1;
        settle();
      };
      const over = this.#clock.setTimer(end === "never" ? 5_000 : endsAfterMs, () =>
        finish(() => (end === "ok" ? resolve(input) : reject(failureOf(end, reached)))),
      );
      const forget = context.onAbort((reason) => {
        if (obeysAbort) finish(() => reject(reason));
      });
    });
  }
}

function failureOf(end: Behaviour["end"], effect: Effect): Error {
  if (end === "refused") return new Failure("no", { code: "CARD_DECLINED", effect: "none", kind: "refused" });
  if (end === "limited") return new Failure("full", { code: "INNER_LIMIT", effect, kind: "rejected" });
  return end === "plainError" ? new Error("reset") : new Failure("failed", { code: "FAILED", effect });
}

interface Stage {
  readonly clock: VirtualClock;
  readonly limit: ConcurrencyLimit;
  readonly breaker: CircuitBreaker;
  readonly policies: readonly Policy[];
}

/** The recommended order: deadline, retry, breaker, limit, attempt timeout. */
function stage(): Stage {
  const clock = new VirtualClock();
  const limit = concurrencyLimit(2);
  const breaker = circuitBreaker({
    clock,
    window: "200ms",
    minimumCalls: 3,
    openFor: "100ms",
    probes: 2,
    maxHalfOpen: "150ms",
  });
  const policies = [
    deadline("400ms"),
    retry({ backoff: fixed("40ms"), random: seededRandom(7) }),
    breaker,
    limit,
    attemptTimeout("100ms"),
  ];
  return { clock, limit, breaker, policies };
}

interface Told {
  settled: boolean;
  /** Requests that had left when the customer was answered, and that left later. */
  sent: number;
  sentLater: number;
  error?: unknown;
}

async function play(customers: readonly Customer[], on: Stage): Promise<{ told: Told[]; side: OtherSide }> {
  const { clock, policies } = on;
  const side = new OtherSide(clock);
  const told: Told[] = [];
  const signals: AbortSignal[] = [];
  for (const customer of customers) {
    clock.setTimer(customer.startsAtMs, () => {
      const answer: Told = { settled: false, sent: 0, sentLater: 0 };
      told.push(answer);
      const controller = new AbortController();
      signals.push(controller.signal);
      if (customer.abortsAfterMs !== undefined)
        clock.setTimer(customer.abortsAfterMs, () => controller.abort());
      const call = compose(
        // Not `pipeline`, which would refuse some orders.
        policies,

        side.serve(customer, () => {
          if (answer.settled) answer.sentLater += 1;
          else answer.sent += 1;
        }),
      );
      const { idempotent } = customer;
      execute(call, "ok", { clock, idempotent, signal: controller.signal }).then(
        () => Object.assign(answer, { settled: true }),
        (error: unknown) => Object.assign(answer, { settled: true, error }),
      );
    });
  }
  await clock.advance(20_000);
  expect(told).toHaveLength(customers.length);
  expect(told.every(({ settled }) => settled)).toBe(true);
  expect(signals.flatMap((signal) => getEventListeners(signal, "abort"))).toEqual([]);
  return { told, side };
}

test("whatever calls, callers and time do, in any order of policies, every slot and permit comes back and nothing is left", async () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCustomer, { minLength: 1, maxLength: 12 }),
      order,
      async (customers, places) => {
        const made = stage();
        const policies = places.flatMap((place) => made.policies[place] ?? []);
        const { side } = await play(customers, { ...made, policies });
        expect(side.running).toBe(0);
        expect(made.limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
        // A half-open circuit that would reject now still waits for a probe that nobody runs.
        expect(made.breaker.snapshot()).toMatchObject({ retryAfterMs: undefined });
        expect(made.clock.pending).toBe(0);
      },
    ),
    { numRuns: 400 },
  );
});

test("in the recommended order never more calls than slots truly run", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyCustomer, { minLength: 4, maxLength: 12 }), async (customers) => {
      const { side } = await play(customers, stage());
      expect(side.mostRunning).toBeLessThanOrEqual(2);
    }),
    { numRuns: 200 },
  );
});

test("a caller that is told `none` can rely on it, and what may not be sent twice is not", async () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCustomer, { minLength: 1, maxLength: 8 }),
      order,
      async (customers, places) => {
        const made = stage();
        const policies = places.flatMap((place) => made.policies[place] ?? []);
        const byStart = customers.toSorted((a, b) => a.startsAtMs - b.startsAtMs);
        const { told } = await play(byStart, { ...made, policies });
        for (const [index, { sent, sentLater, error }] of told.entries()) {
          expect(sentLater).toBe(0);
          if (byStart[index]?.idempotent === false) expect(sent).toBeLessThanOrEqual(1);
          if (error !== undefined && verdictOf(error).effect === "none") {
            expect(refusedOnly(error) || sent === 0, `told none, but sent ${sent}`).toBe(true);
          }
        }
      },
    ),
    { numRuns: 400 },
  );
});

/** A refusal as the first and only answer: it was sent, and the other side vouches that it had no effect. */
function refusedOnly(error: unknown): boolean {
  return Failure.is(error) && error.code === "CARD_DECLINED";
}

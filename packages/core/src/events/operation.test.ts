import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure } from "../../test/calls.ts";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  attemptTimeout,
  bulkhead,
  type Call,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  failover,
  fallback,
  faultInjection,
  fixed,
  hedge,
  keyedBreaker,
  loadBudget,
  loadShedding,
  type Policy,
  type PolicyEvent,
  pipeline,
  rateLimit,
  retry,
} from "../index.ts";

const operation = "checkout.pay";
const down: Call<string, string> = () => Promise.reject(failure());
const slow: Call<string, string> = (_, { clock }) =>
  new Promise((resolve) => void clock.setTimer(1_000, () => resolve("late")));
const once = fixed("1ms");
const shut = { minimumCalls: 1, shadow: false };

interface Own {
  readonly clock: VirtualClock;
  readonly onEvent: (event: PolicyEvent) => void;
}

/** Policies around calls that make them report; two calls are made at once, and two more a minute later. */
const scenes: readonly [
  what: string,
  make: (own: Own) => Policy,
  call: Call<string, string>,
  types: string,
][] = [
  [
    "retry",
    (own) => retry({ ...own2(own), maxRetries: 1, backoff: once }),
    down,
    "retryScheduled retryRefused",
  ],
  ["breaker", (own) => circuitBreaker({ ...own, ...shut, openFor: "1h" }), down, "callRejected"],
  [
    "breaker in shadow",
    (own) => circuitBreaker({ ...own, minimumCalls: 1, shadow: true, openFor: "1h" }),
    down,
    "callWouldBeRejected",
  ],
  [
    "keyed breaker",
    (own) => keyedBreaker({ ...own, key: String, ...shut, openFor: "1h" }),
    down,
    "callRejected",
  ],
  ["limit", (own) => concurrencyLimit({ ...own2(own), limit: 1 }), slow, "limitReached"],
  ["bulkhead", (own) => bulkhead({ ...own2(own), limit: 1 }), slow, "limitReached"],
  [
    "bulkhead with a queue",
    (own) => bulkhead({ ...own2(own), limit: 1, queue: { maxWaiting: 1, timeout: "5ms" } }),
    slow,
    "queueLeft queueRejected",
  ],
  ["adaptive limit", (own) => adaptiveConcurrency({ ...own, min: 1, max: 1 }), slow, "limitReached"],
  ["rate limit", (own) => rateLimit({ ...own, permits: 1, per: "1h" }), echo, "rateLimited"],
  [
    "rate limit that waits",
    (own) => rateLimit({ ...own, permits: 1, per: "10ms", mode: "wait" }),
    echo,
    "queueLeft",
  ],
  [
    "shedding",
    (own) => loadShedding({ ...own2(own), levels: [{ name: "all", shedAt: 0.5 }], utilisation: () => 1 }),
    echo,
    "loadShed",
  ],
  [
    "throttle",
    (own) => adaptiveThrottle({ ...own, minimumRequests: 1, random: () => 0 }),
    down,
    "callThrottled",
  ],
  ["deadline", (own) => deadline({ ...own2(own), total: "5ms" }), slow, "deadlineExceeded lateResult"],
  ["timeout", (own) => attemptTimeout({ ...own2(own), timeout: "5ms" }), slow, "attemptTimedOut lateResult"],
  [
    "adaptive timeout",
    (own) => adaptiveAttemptTimeout({ ...own2(own), max: "5ms" }),
    slow,
    "attemptTimedOut lateResult",
  ],
  [
    "hedge",
    (own) => hedge({ ...own2(own), delay: "5ms", budget: loadBudget({ ratio: 0, minPerSecond: 0.1 }) }),
    slow,
    "hedgeStarted hedgeRefused",
  ],
  ["fallback", (own) => fallback("cached", own2(own)), down, "fallbackUsed"],
  [
    "fallback of what may have acted",
    (own) => fallback("cached", own2(own)),
    () => Promise.reject(failure({ effect: "unknown" })),
    "fallbackRefused",
  ],
  [
    "faults",
    (own) => faultInjection({ ...own2(own), enabled: true, faults: [{ kind: "error", rate: 1 }] }),
    echo,
    "faultInjected",
  ],
  [
    "failover",
    (own) => (next) =>
      failover(
        [
          { name: "north", call: next },
          { name: "south", call: next },
        ],
        own2(own),
      ),
    down,
    "failedOver failoverRefused",
  ],
];

/** Of policies that go by the clock of the call. */
function own2({ onEvent }: Own): { onEvent: (event: PolicyEvent) => void } {
  return { onEvent };
}

/** Changes of state, which come of many calls. */
const ofMany = /^(breaker|sheddingChanged|throttlingChanged|adaptiveLimitChanged|ratePaused)/;

test.each(
  scenes.flatMap(([what, make, call, types]) =>
    [false, true].map((piped) => ({
      what,
      make,
      call,
      types,
      how: piped ? "in a pipeline" : "alone",
      piped,
    })),
  ),
)("$what $how: events about one call name its operation", async ({ make, call, types, piped }) => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const policy = make({ clock, onEvent: (event) => void events.push(event) });
  const guarded = (piped ? pipeline(policy) : policy)(call);
  for (let minute = 0; minute < 2; minute += 1) {
    for (let index = 0; index < 2; index += 1) {
      void execute(guarded, "", { clock, operation, idempotent: true }).catch(() => {});
    }
    await clock.advance(60_000);
  }
  const told = events.filter(({ type }) => !ofMany.test(type));
  expect(new Set(told.map(({ type }) => type))).toEqual(new Set(types.split(" ")));
  expect(told.filter((event) => !("operation" in event) || event.operation !== operation)).toEqual([]);
});

test("a hedge that wins names the operation, and an operation reaches every attempt's context", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const seen: unknown[] = [];
  const call: Call<string, string> = (input, context) => {
    seen.push([context.operation, context.attempt]);
    return seen.length === 1 ? deaf(input, context) : Promise.resolve("ok");
  };
  const policy = pipeline(
    hedge({ delay: "5ms", budget: loadBudget(), onEvent: (event) => void events.push(event) }),
    retry(),
    attemptTimeout("1m"),
  );
  const answer = execute(policy(call), "", { clock, operation, idempotent: true });
  await clock.advance(5);
  expect(await answer).toBe("ok");
  expect(events.at(-1)).toMatchObject({ type: "hedgeWon", operation });
  expect(seen).toEqual([
    [operation, 1],
    [operation, 1],
  ]);
});

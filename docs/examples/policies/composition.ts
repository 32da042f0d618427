import {
  attemptTimeout,
  bulkhead,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  explain,
  exponential,
  Failure,
  failWhen,
  fallback,
  fixed,
  loadBudget,
  type Policy,
  type PolicyEvent,
  PolicyRegistry,
  pipeline,
  retry,
  standardPipeline,
  tryExecute,
} from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const busy = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const provider = scripted([fails(busy, { after: "20ms" }), answers("found", { after: "80ms" })]);

  const search = pipeline(
    deadline("5s"),
    retry({ backoff: fixed("100ms"), jitter: "none", budget: loadBudget() }),
    circuitBreaker({ name: "maps", clock }),
    concurrencyLimit(50),
    attemptTimeout("1s"),
  )(provider);

  const found = execute(search, "pasta", { clock, idempotent: true });
  await clock.advance(200);
  expect(await found).toBe("found");
  // #endregion
  expect(provider.attempts).toHaveLength(2);
  expect(clock.pending).toBe(0);
}

export async function standard(): Promise<void> {
  const clock = new VirtualClock();
  const provider = scripted([hangs()]);
  // #region standard
  const policy = standardPipeline({
    attemptTimeout: attemptTimeout("1s"),
    limits: [bulkhead({ limit: 50, queue: { maxWaiting: 20 } })],
    breaker: circuitBreaker({ name: "maps", clock }),
    retry: retry(),
    deadline: deadline("5s"),
    fallback: fallback("nothing found"),
  });
  const places = explain(policy).lines.map((line) => line.split(":")[0]);
  expect(places.slice(1)).toEqual([
    "fallback",
    "deadline",
    "retry",
    'circuitBreaker "maps"',
    "bulkhead",
    "attemptTimeout",
  ]);
  // #endregion
  expect(await execute(policy(scripted([answers("found")])), "pasta", { clock })).toBe("found");
  expect(provider.attempts).toHaveLength(0);
}

export function refuses(): void {
  // #region refuses
  expect(() => pipeline(deadline("10s"), retry(), attemptTimeout("30s"))).toThrow(
    "attemptTimeout (pipeline[2]) of 30 s could never end anything, because deadline (pipeline[0]) ends it " +
      "after 10 s; make the inner one shorter than 10 s, or the outer one longer",
  );
  expect(() => pipeline(attemptTimeout("1s"), retry())).toThrow(
    "would bound all attempts together; put it inside the retry, or use a deadline",
  );
  expect(() => pipeline(circuitBreaker(), retry())).toThrow("put the breaker inside the retry");
  expect(() => pipeline(circuitBreaker({ probes: 5 }), concurrencyLimit(4))).toThrow("use at most 4 probes");
  const limit = concurrencyLimit(1);
  expect(() => pipeline(limit, retry(), limit)).toThrow("are one object, which would count each call twice");
  // #endregion
}

export function explains(): void {
  // #region explain
  const policy = pipeline(
    deadline("60s"),
    retry({ backoff: fixed("500ms"), budget: loadBudget({ ratio: 0.2 }) }),
    circuitBreaker({ name: "toss" }),
    concurrencyLimit(100),
    attemptTimeout("10s"),
  );

  expect(explain(policy)).toEqual({
    maxCalls: 3,
    maxMs: 31_000,
    loadFactor: 1.2,
    extraPerSecond: 10,
    lines: [
      "at most 3 calls, 31 s, 1.2 times the load and 10 calls a second",
      "deadline: everything inside together takes at most 1 m",
      "retry: 3 attempts, because maxRetries is 2, with at most 1 s of waits between them (500 ms + 500 ms; " +
        "longer where the other side asks for it), all calls together at most 20 % more and 10 calls a second, " +
        "because the budget allows no more",
      'circuitBreaker "toss": turns calls away at once while it is open',
      "concurrencyLimit: turns calls away at once, over 100 at a time",
      "attemptTimeout: an attempt takes at most 10 s",
    ],
  });
  // #endregion
}

export async function results(): Promise<void> {
  // #region result
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ name: "maps", clock });
  const search = pipeline(breaker, attemptTimeout("1s"))(scripted([answers("found")]));
  expect(await tryExecute(search, "pasta", { clock })).toEqual({ ok: true, value: "found" });

  breaker.force("open", { reason: "a drill" });
  const result = await tryExecute(search, "pasta", { clock }); // nothing is thrown
  expect(result).toMatchObject({ ok: false, failure: { code: "BREAKER_OPEN", effect: "none" } });
  // #endregion
}

export async function classified(): Promise<void> {
  // #region failWhen
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ clock });
  const request = pipeline(
    retry({ backoff: fixed("100ms"), jitter: "none" }),
    breaker,
    failWhen((response: { status: number }) =>
      response.status === 503 ? new Failure("503", { code: "UNAVAILABLE", effect: "none" }) : undefined,
    ),
  )(scripted([answers({ status: 503 }), answers({ status: 200 })]));

  const response = execute(request, "/places", { clock });
  await clock.advance(100);
  expect(await response).toEqual({ status: 200 });
  expect(breaker.snapshot()).toMatchObject({ failures: 1, calls: 2 });
  // #endregion
}

export async function own(): Promise<void> {
  // #region own
  let attempts = 0;
  const counting: Policy = (next) => (input, context) => {
    attempts += 1;
    return next(input, context);
  };
  const policy = pipeline(retry({ maxRetries: 1, backoff: fixed("1ms") }), counting);

  const clock = new VirtualClock();
  const found = execute(policy(scripted([fails(busy), answers("found")])), "pasta", { clock });
  await clock.advance(1);
  expect([await found, attempts]).toEqual(["found", 2]);
  expect(explain(policy).lines[0]).toMatch("without what is not known");
  // #endregion
}

export async function registered(): Promise<void> {
  // #region registry
  const clock = new VirtualClock();
  const registry = new PolicyRegistry();
  const events = recordEvents<PolicyEvent>();
  const stop = registry.subscribe(events.listen); // every event of every policy below

  // `own` has the name and the listener; it goes into the policy's options.
  const limit = registry.add("toss.limit", (own) => concurrencyLimit({ ...own, limit: 1 }));
  const timeout = registry.add("toss.timeout", (own) => attemptTimeout({ ...own, timeout: "3s" }));
  const charge = pipeline(limit, timeout)(scripted([answers("paid", { after: "1s" })]));

  const first = execute(charge, "order-1", { clock });
  await execute(charge, "order-2", { clock }).catch(() => {});
  expect(events.all).toMatchObject([{ type: "limitReached", name: "toss.limit", limit: 1 }]);

  registry.reconfigure("toss.limit", { limit: 2 }); // the call that runs keeps its slot
  const third = execute(charge, "order-3", { clock });
  expect(registry.snapshot()).toMatchObject({
    "toss.limit": { limit: 2, inUse: 2, rejected: 1 },
    "toss.timeout": { kind: "attemptTimeout", timeoutMs: 3_000 },
  });
  stop();
  // #endregion
  await clock.advance(1_000);
  expect(await Promise.all([first, third])).toEqual(["paid", "paid"]);
  expect(() => registry.reconfigure("toss.limit", { limit: 0 })).toThrow(
    "must be a whole number, at least 1",
  );
  expect(limit.snapshot().limit).toBe(2);
}

export async function throwingListener(): Promise<void> {
  // #region listener
  const limit = concurrencyLimit({
    limit: 1,
    onEvent: () => {
      throw new Error("the metrics are down");
    },
  });
  // #endregion
  const clock = new VirtualClock();
  const call = limit(scripted([answers("ok", { after: "1s" })]));
  const first = execute(call, 1, { clock });
  await expect(execute(call, 2, { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  await clock.advance(1_000);
  expect(await first).toBe("ok");
}

/** How often a provider is called that is down. */
async function callsTo(policy: Policy): Promise<number> {
  const clock = new VirtualClock();
  const provider = scripted([fails(busy)]);
  const outcome = execute(policy(provider), "pasta", { clock, idempotent: true }).catch(() => {});
  await clock.advance(60_000);
  await outcome;
  return provider.attempts.length;
}

export async function wrong(): Promise<void> {
  // #region wrong
  // Wrong: a retry in the client library, and one in the service that uses it.
  const library = pipeline(retry(), attemptTimeout("1s"));
  const service = pipeline(deadline("30s"), retry(), library);

  expect(explain(service).lines[0]).toBe("at most 9 calls, 11400 ms, 9 times the load");
  expect(await callsTo(service)).toBe(9);
  // #endregion
}

export async function right(): Promise<void> {
  // #region right
  // Right: one retry, with a budget for all calls to the provider together.
  const library = pipeline(attemptTimeout("1s"));
  const service = pipeline(deadline("30s"), retry({ budget: loadBudget() }), library);

  expect(explain(service).lines[0]).toMatch("at most 3 calls, 3600 ms, 1.2 times the load");
  expect(await callsTo(service)).toBe(3);
  // #endregion
}

export async function unhappy(): Promise<void> {
  const clock = new VirtualClock();
  const events = recordEvents();
  const provider = scripted([hangs()]);
  const search = pipeline(
    deadline("5s"),
    retry({ backoff: exponential("200ms"), random: () => 0.5, onEvent: events.listen }),
    circuitBreaker({ consecutiveFailures: 2, clock, onEvent: events.listen }),
    concurrencyLimit(50),
    attemptTimeout({ timeout: "1s", onEvent: events.listen }),
  )(provider);
  const outcome = execute(search, "pasta", { clock, idempotent: true }).catch((error: unknown) => error);
  await clock.advance(5_000);
  expect(await outcome).toMatchObject({ code: "BREAKER_OPEN", effect: "unknown" });
  expect(provider.attempts).toHaveLength(2);
  expect(events.types).toEqual([
    "attemptTimedOut",
    "retryScheduled",
    "attemptTimedOut",
    "breakerOpened",
    "retryScheduled",
    "callRejected",
  ]);
}

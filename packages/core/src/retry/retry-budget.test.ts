import { getEventListeners } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { failure, script, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  circuitBreaker,
  execute,
  fixed,
  loadBudget,
  type Policy,
  type PolicyEvent,
  pipeline,
  retry,
} from "../index.ts";

const steady = { backoff: fixed("100ms"), jitter: "none" } as const;
const failing = (): Promise<string> => Promise.reject(failure());

test("a thousand calls that fail at once start 200 retries of a 20 % budget, also while they wait", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 });
  const events: PolicyEvent[] = [];
  const policy = retry({ ...steady, maxRetries: 1, budget, onEvent: (event) => void events.push(event) });
  let calls = 0;
  const call = policy((): Promise<string> => {
    calls += 1;
    return failing();
  });
  const answers = Array.from({ length: 1_000 }, () => watch(execute(call, "", { clock })));
  await clock.advance(0);
  expect(calls).toBe(1_000);
  // Two hundred are in their backoff now, and nobody else gets past.
  await clock.advance(1_000);
  expect(calls).toBe(1_200);
  expect(answers.every(({ status }) => status === "rejected")).toBe(true);
  expect(
    events.filter((event) => event.type === "retryRefused" && event.why === "budgetExhausted"),
  ).toHaveLength(800);
  expect(policy.snapshot()).toMatchObject({ scheduled: 200, refused: { budgetExhausted: 800, usedUp: 200 } });
});

test("a retry that the budget refuses fails with the failure itself, at once", async () => {
  const budget = loadBudget({ ratio: 0.1, minPerSecond: 0 });
  const last = failure({ retryAfterMs: 5 });
  await expect(
    execute(
      retry({ ...steady, budget })(() => Promise.reject(last)),
      "",
    ),
  ).rejects.toBe(last);
});

test("a failure that is not retried for another reason takes nothing from the budget", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget();
  const options = { clock, deadlineAtMs: 50 };
  for (const error of [
    failure(),
    failure({ transient: false }),
    failure({ effect: "unknown" }),
    failure({ kind: "rejected", retryAfterMs: 1 }),
    failure({ kind: "refused" }),
  ]) {
    await execute(
      retry({ ...steady, budget })(() => Promise.reject(error)),
      "",
      options,
    ).catch(() => {});
  }
  await execute(retry({ ...steady, maxRetries: 0, budget })(failing), "", { clock }).catch(() => {});
  await execute(retry({ ...steady, when: () => false, budget })(failing), "", { clock }).catch(() => {});
  expect(budget.snapshot()).toMatchObject({ reserved: 0, refused: 0 });
});

test("an abort during the backoff settles at once, calls no more, and gives the budget back", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget({ ratio: 1, minPerSecond: 0 });
  const controller = new AbortController();
  const { call, contexts } = script(failure(), "ok");
  const policy = retry({ backoff: fixed("1h"), jitter: "none", budget });
  const answer = watch(execute(policy(call), "", { clock, signal: controller.signal }));
  await clock.advance(20);
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 0 });
  controller.abort();
  await clock.advance(0);
  expect(answer.error).toMatchObject({ code: "CALL_ABORTED" });
  expect([contexts.length, clock.pending, getEventListeners(controller.signal, "abort").length]).toEqual([
    1, 0, 0,
  ]);
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 1 });
  expect(policy.snapshot()).toMatchObject({ scheduled: 1, withdrawn: 1 });
});

test("a retry that our own breaker turns away has sent nothing, and gives its room back", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget();
  const breaker = circuitBreaker({ minimumCalls: 1, failureRatio: 1, clock });
  const call = pipeline(retry({ ...steady, budget }), breaker)(failing);
  const answer = watch(execute(call, "", { clock }));
  await clock.advance(1_000);
  expect(answer.error).toMatchObject({ code: "BREAKER_OPEN" });
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 1 });
});

test("a call counts once as a first try, however many policies share the budget", async () => {
  const clock = new VirtualClock();
  const budget = loadBudget().operation("confirm");
  const shared = loadBudget();
  const part = shared.operation("confirm");
  const twice = pipeline(retry({ ...steady, budget: part }), retry({ ...steady, budget: part }));
  await execute(
    twice(async () => "ok"),
    "",
    { clock },
  );
  expect(shared.snapshot().operations["confirm"]).toEqual({ firstTries: 1, extraCalls: 0 });
  await execute(
    retry({ ...steady, budget: part })(async () => "ok"),
    "",
    { clock },
  );
  expect(shared.snapshot().operations["confirm"]?.firstTries).toBe(2);
  expect(budget).not.toBe(part);
});

test.each([
  ["alone", (policy: Policy): Policy => policy],
  ["run as one with a timeout", (policy: Policy): Policy => pipeline(policy, attemptTimeout("1h"))],
  [
    "around a timeout",
    (policy: Policy): Policy =>
      (next) =>
        policy(attemptTimeout("1h")(next)),
  ],
])("whatever calls do, what was reserved is a retry that was sent or is given back: %s", async (_, wrap) => {
  const end = fc.constantFrom("ok", "failed", "rejected", "abort");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(end, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
      async (scripts) => {
        const clock = new VirtualClock();
        const budget = loadBudget({ ratio: 0.5, minPerSecond: 0.2 });
        const policy = retry({ ...steady, maxRetries: 3, budget });
        let retriesSent = 0;
        const answers = scripts.map((ends) => {
          const controller = new AbortController();
          const call = wrap(policy)(async (_: string, { attempt }): Promise<string> => {
            const which = ends[attempt - 1] ?? "ok";
            if (which === "ok" || which === "failed" || which === "abort") retriesSent += attempt > 1 ? 1 : 0;
            // The abort comes in the middle of the wait that this failure leads to.
            if (which === "abort") void clock.setTimer(50, () => controller.abort());
            if (which === "ok") return "ok";
            throw failure({ kind: which === "rejected" ? "rejected" : "failed" });
          });
          return watch(execute(call, "", { clock, signal: controller.signal }));
        });
        await clock.advance(5_000);
        expect(answers.every(({ status }) => status !== "waiting")).toBe(true);
        const { reserved, refunded } = budget.snapshot();
        expect(reserved - refunded).toBe(retriesSent);
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

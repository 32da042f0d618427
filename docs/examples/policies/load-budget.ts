import { execute, Failure, fixed, hedge, loadBudget, pipeline, retry, retryThrottle } from "@outrigger/core";
import { answers, fails, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function sharesOneBudget(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const budget = loadBudget({ name: "search" }); // one for the service, made at the start

  const policy = pipeline(
    hedge({ delay: "200ms", budget }),
    retry({ backoff: fixed("100ms"), jitter: "none", budget }), // the same one: both share its room
  );
  const search = scripted([fails(unavailable), answers("found")]);
  const result = execute(policy(search), "pasta", { clock, idempotent: true });
  await clock.advance(100);

  expect(await result).toBe("found");
  expect(budget.snapshot()).toMatchObject({ reserved: 1, refunded: 0, refused: 0 });
  // #endregion
  expect(clock.pending).toBe(0);
}

export async function keepsAPartForEachOperation(): Promise<void> {
  // #region operations
  const clock = new VirtualClock();
  const budget = loadBudget({ ratio: 0.1, minPerSecond: 10, perOperationShare: 0.5 });
  const down = scripted([fails(unavailable)]);
  const send = (operation: string) => {
    const policy = retry({ maxRetries: 1, backoff: fixed("0ms"), budget: budget.operation(operation) });
    return execute(policy(down), "x", { clock, idempotent: true }).catch(() => {});
  };

  // 1,000 failing searches: 100 retries that they earned, and half of the 100 that are common in 10 s.
  await Promise.all([...Array.from({ length: 1_000 }, () => send("search")), clock.advance(0)]);
  expect(down.attempts.length).toBe(1_150);

  // The other half is still there for the rest.
  await Promise.all([...Array.from({ length: 10 }, () => send("profile")), clock.advance(0)]);
  expect(down.attempts.length).toBe(1_150 + 20);
  // #endregion
}

export async function saysWhenItIsEmpty(): Promise<void> {
  // #region empty
  const clock = new VirtualClock();
  const events = recordEvents();
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 }); // one extra call for five first tries
  const down = scripted([fails(unavailable)]);

  const call = retry({ maxRetries: 1, backoff: fixed("0ms"), budget, onEvent: events.listen })(down);
  const first = execute(call, "x", { clock, idempotent: true });

  // The failure of the attempt itself, at once.
  await expect(first).rejects.toBe(unavailable);
  expect(events.of("retryRefused")[0]?.why).toBe("budgetExhausted");
  // #endregion
}

export async function throttlesLikeGrpc(): Promise<void> {
  // #region throttle
  const clock = new VirtualClock();
  const throttle = retryThrottle(); // 10 tokens; a failure costs 1, a success earns 0.1
  const down = scripted([fails(unavailable)]);
  const call = retry({ maxRetries: 1, backoff: fixed("0ms"), budget: throttle })(down);

  for (let calls = 0; calls < 100; calls += 1) {
    execute(call, "x", { clock, idempotent: true }).catch(() => {});
    await clock.advance(0);
  }

  // A retry is made while more than half of the tokens are left: with 9 and with 7, not with 5.
  expect(down.attempts.length).toBe(102);
  expect(throttle.snapshot()).toMatchObject({ tokens: 0, refused: 98 });
  // #endregion
}

export async function triplesTheLoad(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const down = scripted([fails(unavailable)]);

  // A budget for each call is none: each new one has all of its room.
  const call = (input: string) => {
    const policy = retry({ maxRetries: 2, backoff: fixed("100ms"), budget: loadBudget() });
    return execute(policy(down), input, { clock, idempotent: true });
  };
  for (let calls = 0; calls < 1_000; calls += 1) call("x").catch(() => {});
  await clock.advance(1_000);

  expect(down.attempts.length).toBe(3_000); // three times the load on a service that is down
  // #endregion
}

export async function boundsTheLoad(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const down = scripted([fails(unavailable)]);

  const budget = loadBudget();
  const call = retry({ maxRetries: 2, backoff: fixed("100ms"), budget })(down);
  for (let calls = 0; calls < 1_000; calls += 1) {
    execute(call, "x", { clock, idempotent: true }).catch(() => {});
  }
  await clock.advance(1_000);

  // 1,000 first tries, 20 % of them again, and the 100 that are there in any 10 s.
  expect(down.attempts.length).toBe(1_300);
  // #endregion
  expect(budget.snapshot()).toMatchObject({ reserved: 300, refunded: 0 });
}

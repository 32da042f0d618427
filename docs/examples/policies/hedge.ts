import { execute, hedge, loadBudget } from "@outrigger/core";
import { answers, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

export async function takesTheFirstAnswer(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const search = scripted([answers("slow", { after: "1s" }), answers("fast", { after: "20ms" })]);

  const policy = hedge({ delay: "100ms", budget: loadBudget(), onEvent: events.listen });
  const result = execute(policy(search), "pasta", { clock, idempotent: true });
  await clock.advance(120);

  expect(await result).toBe("fast");
  expect(search.starts).toEqual([0, 100]);
  expect(search.attempts[0]?.abortCode).toBe("HEDGE_LOST"); // the slow one was told to stop
  expect(events.types).toEqual(["hedgeStarted", "hedgeWon"]);
  // #endregion
  expect(clock.pending).toBe(0);
}

export async function learnsTheDelay(): Promise<void> {
  // #region percentile
  const clock = new VirtualClock();
  const usual = Array.from({ length: 100 }, () => answers("found", { after: "60ms" }));
  const search = scripted([...usual, answers("late", { after: "2s" }), answers("found", { after: "60ms" })]);

  const policy = hedge({ budget: loadBudget() }); // the 95th percentile of the last calls
  const call = policy(search);
  for (let calls = 0; calls < 100; calls += 1) void execute(call, "pasta", { clock, idempotent: true });
  await clock.advance(60);
  expect(search.attempts.length).toBe(100); // too few calls seen: nothing was hedged

  const result = execute(call, "pasta", { clock, idempotent: true });
  await clock.advance(125);
  expect(await result).toBe("found"); // after about 60 + 60 ms instead of 2 s
  // #endregion
  expect(policy.snapshot()).toMatchObject({ started: 1, won: 1 });
}

export async function goesOnWithoutRoom(): Promise<void> {
  // #region refused
  const clock = new VirtualClock();
  const events = recordEvents();
  const search = scripted([answers("slow", { after: "1s" })]);

  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 }); // one call has earned a fifth of a hedge
  const policy = hedge({ delay: "100ms", budget, onEvent: events.listen });
  const result = execute(policy(search), "pasta", { clock, idempotent: true });
  await clock.advance(1_000);

  expect(await result).toBe("slow"); // the first call goes on
  expect(events.all).toEqual([{ type: "hedgeRefused", name: undefined, hedge: 1, why: "budgetExhausted" }]);
  // #endregion
}

export async function doublesForNothing(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const search = scripted([answers("found", { after: "60ms" })]);
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 });

  // A delay below what calls usually take. Nothing is slow, and yet nearly every call is due for a hedge.
  const policy = hedge({ delay: "50ms", budget });
  const call = policy(search);
  for (let calls = 0; calls < 1_000; calls += 1) void execute(call, "pasta", { clock, idempotent: true });
  await clock.advance(1_000);

  expect(search.attempts.length).toBe(1_200);
  expect(policy.snapshot()).toMatchObject({ started: 200, refused: 800, won: 0 });
  expect(budget.reserve(clock.now())).toBeUndefined(); // and no room is left for a retry that would help
  // #endregion
}

export async function hedgesOnlyTheTail(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const search = scripted([answers("found", { after: "60ms" })]);
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 0 });

  const policy = hedge({ percentile: 0.95, budget });
  const call = policy(search);
  for (let seconds = 0; seconds < 10; seconds += 1) {
    for (let calls = 0; calls < 100; calls += 1) void execute(call, "pasta", { clock, idempotent: true });
    await clock.advance(1_000);
  }

  expect(search.attempts.length).toBe(1_000);
  expect(policy.snapshot()).toMatchObject({ started: 0, refused: 0 });
  // #endregion
}

export async function passesWhatIsNotIdempotent(): Promise<void> {
  // #region payment
  const clock = new VirtualClock();
  const charge = scripted([answers("paid", { after: "3s" })]);

  const policy = hedge({ delay: "100ms", budget: loadBudget() });
  const outcome = execute(policy(charge), "order-1", { clock }); // not said to be idempotent
  await clock.advance(3_000);

  expect(await outcome).toBe("paid");
  expect(charge.attempts.length).toBe(1);
  // #endregion
}

export function refusesToHedgeWithoutBudget(): void {
  // #region unbudgeted
  // @ts-expect-error: the compiler refuses it as well
  expect(() => hedge({ delay: "100ms" })).toThrow("hedge.budget is required");
  // #endregion
}

import { attemptTimeout, execute, Failure, faultInjection, fixed, pipeline, retry } from "@outrigger/core";
import { answers, recordEvents, scripted, seededRandom, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

export async function breaksSomeCalls(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const search = scripted([answers("found", { after: "20ms" })]);

  const faults = faultInjection({
    name: "drill",
    faults: [
      { kind: "error", rate: 0.1 }, // not sent
      { kind: "error", rate: 0.1, at: "after" }, // sent, and the answer lost
      { kind: "latency", rate: 0.2, delay: "300ms" },
      { kind: "hang", rate: 0.1 },
    ],
    random: seededRandom(7), // the same calls are struck in every run
    onEvent: events.listen,
  });
  const policy = pipeline(
    retry({ maxRetries: 3, backoff: fixed("100ms"), jitter: "none" }),
    attemptTimeout("1s"),
    faults, // innermost: every policy meets the fault as it would meet a real one
  );
  const call = policy(search);

  faults.enable(); // off until somebody switches it on
  const outcomes = Array.from({ length: 100 }, () => execute(call, "pasta", { clock, idempotent: true }));
  const settled = Promise.allSettled(outcomes);
  await clock.advance(10_000);
  faults.disable();

  const answered = (await settled).filter(({ status }) => status === "fulfilled").length;
  expect(answered).toBeGreaterThanOrEqual(97); // the retry mends what strikes three calls in ten
  expect(events.all.length).toBeGreaterThan(40);
  // #endregion
  const struck = faults.snapshot().faults.reduce((sum, { injected }) => sum + injected, 0);
  expect(struck).toBe(events.all.length);
  expect(clock.pending).toBe(0);
}

export async function strikesBeforeOrAfter(): Promise<void> {
  // #region places
  const clock = new VirtualClock();
  const charge = scripted([answers("paid")]);
  const strike = (at: "before" | "after") =>
    faultInjection({ faults: [{ kind: "error", rate: 1, at }], enabled: true })(charge);

  const before = execute(strike("before"), "order-1", { clock });
  await expect(before).rejects.toMatchObject({ code: "INJECTED_FAULT", effect: "none" });
  expect(charge.attempts.length).toBe(0);

  const after = execute(strike("after"), "order-1", { clock });
  await expect(after).rejects.toMatchObject({ code: "INJECTED_FAULT", effect: "unknown" });
  expect(charge.attempts.length).toBe(1); // charged, and the answer is lost
  // #endregion
}

export async function strikesChosenCalls(): Promise<void> {
  // #region chosen
  const clock = new VirtualClock();
  const search = scripted([answers("found")]);
  const faults = faultInjection({
    faults: [
      {
        kind: "error",
        rate: 1,
        error: () => new Failure("429", { code: "TOO_MANY_REQUESTS", effect: "none", retryAfterMs: 5_000 }),
      },
    ],
    when: (query) => query === "pasta",
    enabled: true,
  });

  expect(await execute(faults(search), "soup", { clock })).toBe("found");
  await expect(execute(faults(search), "pasta", { clock })).rejects.toMatchObject({ retryAfterMs: 5_000 });
  // #endregion
}

/** Strikes the first call and none after it. */
function strikesFirst(): () => number {
  let calls = 0;
  return () => (calls++ === 0 ? 0 : 0.99);
}

export async function testsNothing(): Promise<void> {
  const random = strikesFirst(); // the first call is struck
  // #region wrong
  const clock = new VirtualClock();
  const search = scripted([answers("found")]);
  const faults = faultInjection({ faults: [{ kind: "error", rate: 0.5 }], random, enabled: true });

  // Outermost: the fault ends the call before any policy sees it. The drill shows an outage that is none.
  const call = pipeline(faults, retry({ backoff: fixed("100ms"), jitter: "none" }))(search);
  await expect(execute(call, "pasta", { clock })).rejects.toMatchObject({ code: "INJECTED_FAULT" });
  // #endregion
}

export async function testsTheRetry(): Promise<void> {
  const random = strikesFirst();
  // #region right
  const clock = new VirtualClock();
  const search = scripted([answers("found")]);
  const faults = faultInjection({ faults: [{ kind: "error", rate: 0.5 }], random, enabled: true });

  const call = pipeline(retry({ backoff: fixed("100ms"), jitter: "none" }), faults)(search);
  const outcome = execute(call, "pasta", { clock });
  await clock.advance(100);
  expect(await outcome).toBe("found");
  // #endregion
}

export function refusesTooManyFaults(): void {
  // #region refused
  expect(() =>
    faultInjection({
      faults: [
        { kind: "hang", rate: 0.6 },
        { kind: "error", rate: 0.6 },
      ],
    }),
  ).toThrow("faultInjection.faults: the rates must be at most 1 together; got 1.2");
  // #endregion
}

import {
  adaptiveAttemptTimeout,
  attemptTimeout,
  concurrencyLimit,
  deadline,
  execute,
  fixed,
  pipeline,
  retry,
} from "@outrigger/core";
import { answers, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

export async function endsOneAttempt(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const maps = scripted([hangs(), answers("3.2 km", { after: "80ms" })]);

  const policy = pipeline(
    deadline("5s"),
    retry({ backoff: fixed("100ms"), jitter: "none" }),
    attemptTimeout("1s"), // inside the retry: each attempt has its own second
  );
  const distance = execute(policy(maps), "Seoul station", { clock, idempotent: true });
  await clock.advance(1_180); // 1 s of silence, 100 ms of wait, 80 ms

  expect(await distance).toBe("3.2 km");
  expect(maps.attempts[0]?.abortCode).toBe("ATTEMPT_TIMEOUT");
  // #endregion
  expect(clock.pending).toBe(0);
}

export async function countsWhatComesLate(): Promise<void> {
  // #region late
  const clock = new VirtualClock();
  const events = recordEvents();
  const charge = scripted([answers("charged", { after: "3s", deaf: true })]);

  const policy = attemptTimeout({ timeout: "1s", name: "charge", onEvent: events.listen });
  const failure = execute(policy(charge), "order-1", { clock }).catch((error: unknown) => error);
  await clock.advance(3_000);

  expect(await failure).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "unknown", kind: "failed" });
  expect(events.all).toEqual([
    { type: "attemptTimedOut", name: "charge", attempt: 1, timeoutMs: 1_000, effect: "unknown" },
    { type: "lateResult", name: "charge", outcome: "success", lateMs: 2_000 }, // it was charged after all
  ]);
  // #endregion
}

export async function saysWhatWasNotSent(): Promise<void> {
  // #region unsent
  const clock = new VirtualClock();
  // A transport says how far it has come: this one still waits for a connection.
  const charge = scripted([hangs({ effect: "none" })]);

  const failure = execute(attemptTimeout("1s")(charge), "order-1", { clock }).catch(
    (error: unknown) => error,
  );
  await clock.advance(1_000);

  expect(await failure).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "none" }); // safe to repeat
  // #endregion
}

export async function followsTheLatency(): Promise<void> {
  // #region adaptive
  const clock = new VirtualClock();
  const search = scripted([answers("found", { after: "200ms" })]);
  const timeout = adaptiveAttemptTimeout({ max: "5s", percentile: 0.99 });
  expect(timeout.snapshot().timeoutMs).toBe(5_000); // nothing seen yet

  const call = timeout(search);
  for (let calls = 0; calls < 300; calls += 1) void execute(call, "pasta", { clock });
  await clock.advance(200);

  // All took 200 ms. Where the tail is this near to the median, the padding is 1.5, and buckets round up.
  expect(timeout.snapshot().timeoutMs).toBeGreaterThanOrEqual(300);
  expect(timeout.snapshot().timeoutMs).toBeLessThan(320);
  // #endregion
}

export async function aRaceFreesTheSlot(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const deaf = scripted([hangs({ deaf: true })]); // the work goes on, as work in another service does
  const limit = concurrencyLimit(1);

  // A race answers the caller, and nobody is told: not the work, not the limit around it.
  const raced = limit<string, string>((input, context) => {
    const tooLate = new Promise<never>((_, reject) => {
      context.clock.setTimer(1_000, () => reject(new Error("timeout")));
    });
    return Promise.race([deaf(input, context), tooLate]);
  });
  for (let calls = 0; calls < 3; calls += 1) {
    execute(raced, "report", { clock }).catch(() => {});
    await clock.advance(1_000);
  }

  expect(deaf.running).toBe(3); // with a limit of 1
  expect(deaf.attempts[0]?.aborted).toBe(false);
  // #endregion
}

export async function aTimeoutKeepsTheSlot(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const deaf = scripted([hangs({ deaf: true })]);
  const limit = concurrencyLimit(1);

  const bounded = pipeline(limit, attemptTimeout("1s"))(deaf);
  for (let calls = 0; calls < 3; calls += 1) {
    execute(bounded, "report", { clock }).catch(() => {});
    await clock.advance(1_000);
  }

  expect(deaf.running).toBe(1);
  expect(deaf.attempts[0]?.aborted).toBe(true);
  expect(limit.snapshot()).toMatchObject({ inUse: 1, outliving: 1, rejected: 2 });
  // #endregion
}

export function refusesATimeoutAroundRetries(): void {
  // #region refused
  expect(() => pipeline(attemptTimeout("1s"), retry())).toThrow(
    "attemptTimeout (pipeline[0]) stands around retry (pipeline[1]) and would bound all attempts together; " +
      "put it inside the retry, or use a deadline",
  );
  // #endregion
}

import { attemptTimeout, deadline, execute, explain, Failure, fixed, pipeline, retry } from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function spendsOneDeadline(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const rates = scripted([fails(unavailable, { after: "300ms" }), answers("1320.5", { after: "300ms" })]);

  const policy = pipeline(deadline("2s"), retry({ backoff: fixed("200ms"), jitter: "none" }));
  const rate = execute(policy(rates), "USD/KRW", { clock, idempotent: true });
  await clock.advance(800); // 300 + 200 + 300 ms: attempts and waits spend the same 2 s

  expect(await rate).toBe("1320.5");
  // #endregion
  expect(clock.pending).toBe(0);
}

export async function answersOnTime(): Promise<void> {
  // #region expired
  const clock = new VirtualClock();
  const events = recordEvents();
  const rates = scripted([hangs({ deaf: true })]); // goes on although it is told to stop

  const policy = deadline({ total: "2s", name: "rates", onEvent: events.listen });
  const failure = execute(policy(rates), "USD/KRW", { clock }).catch((error: unknown) => error);
  await clock.advance(2_000);

  expect(await failure).toMatchObject({ code: "DEADLINE_EXCEEDED", effect: "unknown", kind: "failed" });
  expect(rates.attempts[0]?.abortCode).toBe("DEADLINE_EXCEEDED");
  expect(events.all).toEqual([{ type: "deadlineExceeded", name: "rates", effect: "unknown" }]);
  // #endregion
}

export async function keepsTheNearerDeadline(): Promise<void> {
  // #region nearer
  const clock = new VirtualClock();
  const rates = scripted([hangs()]);

  // Our own caller gave us 500 ms. The policy's 2 s do not prolong that.
  const options = { clock, deadlineAtMs: clock.now() + 500 };
  const failure = execute(deadline("2s")(rates), "USD/KRW", options).catch((error: unknown) => error);
  await clock.advance(500);
  expect(await failure).toMatchObject({ code: "DEADLINE_EXCEEDED" });

  // The 500 ms are over now: the same options send nothing.
  await expect(execute(deadline("2s")(rates), "USD/KRW", options)).rejects.toMatchObject({ effect: "none" });
  expect(rates.attempts.length).toBe(1);
  // #endregion
}

export async function multipliesWithoutDeadline(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const silent = scripted([hangs()]);

  // "We have a timeout of 10 s." But each of three attempts has one, and there are two waits.
  const policy = pipeline(retry({ backoff: fixed("1s"), jitter: "none" }), attemptTimeout("10s"));
  const call = execute(policy(silent), "USD/KRW", { clock, idempotent: true });
  const answeredAtMs = call.catch(() => clock.now());
  await clock.advance(60_000);

  expect(await answeredAtMs).toBe(32_000);
  expect(explain(policy).lines[0]).toBe("at most 3 calls, 32 s, 3 times the load");
  // #endregion
}

export async function boundsTheWhole(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const silent = scripted([hangs()]);

  const policy = pipeline(
    deadline("12s"),
    retry({ backoff: fixed("1s"), jitter: "none" }),
    attemptTimeout("10s"),
  );
  const call = execute(policy(silent), "USD/KRW", { clock, idempotent: true });
  const answeredAtMs = call.catch(() => clock.now());
  await clock.advance(60_000);

  expect(await answeredAtMs).toBe(12_000);
  // #endregion
  expect(explain(policy).maxMs).toBe(12_000);
}

export function refusesTheLongerTimeout(): void {
  // #region refused
  expect(() => pipeline(deadline("5s"), attemptTimeout("10s"))).toThrow(
    "attemptTimeout (pipeline[1]) of 10 s could never end anything, because deadline (pipeline[0]) ends it " +
      "after 5 s",
  );
  // #endregion
}

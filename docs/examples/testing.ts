import { attemptTimeout, deadline, execute, Failure, fixed, pipeline, retry } from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const order = { id: "order-1", amount: 15_000 };

/** A test body: shows how a pipeline is tested with a script instead of a server. */
export async function testsAPipeline(): Promise<void> {
  // #region scripted
  const clock = new VirtualClock();
  const events = recordEvents();
  const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });
  const charge = scripted([
    fails(unavailable, { after: "20ms" }), // the first attempt
    hangs(), // the second; stops when it is told to
    answers("paid", { after: "80ms" }), // the third, and any further one
  ]);

  const policy = pipeline(
    deadline("5s"),
    retry({ backoff: fixed("100ms"), jitter: "none", onEvent: events.listen }),
    attemptTimeout("1s"),
  );
  const outcome = execute(policy(charge), order, { clock, key: "order-1", idempotent: true });
  await clock.advance(1_300); // a second and more of waiting, in no time

  expect(await outcome).toBe("paid");
  expect(charge.waits).toEqual([100, 100]);
  expect(charge.attempts[1]?.abortCode).toBe("ATTEMPT_TIMEOUT");
  expect(new Set(charge.attempts.map(({ key }) => key))).toEqual(new Set(["order-1"]));
  expect(events.types).toEqual(["retryScheduled", "retryScheduled"]);
  expect(clock.pending).toBe(0); // no timer was left behind
  // #endregion
}

import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import {
  attemptTimeout,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  execute,
  fixed,
  type PolicyEvent,
  pipeline,
  retry,
} from "../index.ts";

test("a call that hangs twice and then answers is saved by retry, inside one deadline, and leaves nothing behind", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): void => void events.push(event);
  const breaker = circuitBreaker({ clock, onEvent });
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
  expect(limit.snapshot()).toEqual({ limit: 1, inUse: 0, outliving: 0, rejected: 0 });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 2, calls: 3 });
  expect(clock.pending).toBe(0);
});

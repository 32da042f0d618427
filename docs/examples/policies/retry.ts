import type { CallContext } from "@outrigger/core";
import {
  attemptTimeout,
  deadline,
  decorrelated,
  execute,
  exponential,
  Failure,
  fixed,
  linear,
  pipeline,
  retry,
} from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function mendsAPassingFault(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const profile = scripted([fails(unavailable), fails(unavailable), answers("Kim")]);

  // Defaults: two retries; waits drawn from up to 200 ms, then up to 400 ms.
  const policy = pipeline(deadline("5s"), retry({ random: () => 0.5, onEvent: events.listen }));
  const name = execute(policy(profile), "user-1", { clock, idempotent: true });
  await clock.advance(300);

  expect(await name).toBe("Kim");
  expect(profile.waits).toEqual([100, 200]);
  expect(events.types).toEqual(["retryScheduled", "retryScheduled"]);
  // #endregion
}

export async function backsOff(): Promise<void> {
  // #region backoffs
  const ceilings = (backoff: { ceilingMs(retry: number): number }) =>
    [1, 2, 3, 4].map((retry) => backoff.ceilingMs(retry));

  expect(ceilings(fixed("500ms"))).toEqual([500, 500, 500, 500]);
  expect(ceilings(linear("500ms"))).toEqual([500, 1_000, 1_500, 2_000]);
  expect(ceilings(exponential("500ms"))).toEqual([500, 1_000, 2_000, 4_000]);
  expect(ceilings(exponential("500ms", { max: "3s" }))).toEqual([500, 1_000, 2_000, 3_000]);
  expect(decorrelated("500ms").describe()).toBe("from 500 ms to three times the wait before, at most 20 s");
  // #endregion
}

export async function obeysRetryAfter(): Promise<void> {
  // #region retryAfter
  const clock = new VirtualClock();
  const busy = new Failure("429", { code: "TOO_MANY_REQUESTS", effect: "none", retryAfterMs: 3_000 });
  const search = scripted([fails(busy), answers("found")]);

  // Never shorter than what the other side asks for.
  const patient = execute(retry()(search), "pasta", { clock, deadlineAtMs: clock.now() + 10_000 });
  await clock.advance(3_000);
  expect(await patient).toBe("found");
  expect(search.waits).toEqual([3_000]);

  // With 2 s left the wait would end too late: it fails at once, and says when to come back.
  const again = scripted([fails(busy), answers("found")]);
  const hurried = execute(retry()(again), "pasta", { clock, deadlineAtMs: clock.now() + 2_000 });
  await expect(hurried).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfterMs: 3_000 });
  expect(again.attempts.length).toBe(1);
  // #endregion
}

export async function doesNotRepeatWhatMayHaveHappened(): Promise<void> {
  // #region unsafe
  const clock = new VirtualClock();
  const events = recordEvents();
  const transfer = scripted([hangs()]);

  const policy = pipeline(retry({ onEvent: events.listen }), attemptTimeout("1s"));
  const failure = execute(policy(transfer), "5,000 won", { clock }).catch((error: unknown) => error);
  await clock.advance(1_000);

  expect(await failure).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "unknown" });
  expect(transfer.attempts.length).toBe(1); // not idempotent, and it may have arrived
  expect(events.of("retryRefused")[0]?.why).toBe("notSafe");
  // #endregion
}

export async function keepsTheWorstEffect(): Promise<void> {
  // #region worst
  const clock = new VirtualClock();
  const refused = new Failure("connection refused", { code: "CONNECT", effect: "none", transient: false });
  const charge = scripted([hangs(), fails(refused)]);

  const policy = pipeline(retry({ backoff: fixed("100ms"), jitter: "none" }), attemptTimeout("1s"));
  const options = { clock, idempotent: true, key: "order-1" };
  const failure = execute(policy(charge), "order-1", options).catch((error: unknown) => error);
  await clock.advance(1_100);

  // The refused connection does not undo the request whose answer never came.
  expect(await failure).toMatchObject({ code: "CONNECT", effect: "unknown", cause: refused });
  // #endregion
}

/** A provider whose first answer is lost on the way. It honours keys that it is sent. */
function provider() {
  const charged: string[] = [];
  const known = new Set<string>();
  let answersLost = 1;
  const charge = async (order: string, { key }: Pick<CallContext, "key">): Promise<string> => {
    if (key === undefined || !known.has(key)) charged.push(order);
    if (key !== undefined) known.add(key);
    if (answersLost-- > 0) throw new Failure("connection reset", { code: "RESET", effect: "unknown" });
    return "paid";
  };
  return { charge, charged };
}

export async function chargesTwice(): Promise<void> {
  const { charge, charged } = provider();
  // #region wrong
  const clock = new VirtualClock();
  const pay = retry({ backoff: fixed("100ms"), jitter: "none" })(charge);

  // "idempotent" is a statement about the other side. Here it is not true: no key is sent.
  const outcome = execute(pay, "order-1", { clock, idempotent: true });
  await clock.advance(100);

  expect(await outcome).toBe("paid");
  expect(charged).toEqual(["order-1", "order-1"]); // and charged twice
  // #endregion
}

export async function chargesOnce(): Promise<void> {
  const { charge, charged } = provider();
  // #region right
  const clock = new VirtualClock();
  const pay = retry({ backoff: fixed("100ms"), jitter: "none" })(charge);

  // One key for the logical call, sent with every attempt, and a provider that honours it.
  const outcome = execute(pay, "order-1", { clock, idempotent: true, key: "order-1" });
  await clock.advance(100);

  expect(await outcome).toBe("paid");
  expect(charged).toEqual(["order-1"]);
  // #endregion
}

import { attemptTimeout, concurrencyLimit, execute, Failure, fixed, pipeline, retry } from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function turnsAwayTheThird(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const limit = concurrencyLimit({ limit: 2, name: "search", onEvent: events.listen });
  const search = limit(scripted([answers("found", { after: "1s" })]));

  const first = execute(search, "pasta", { clock });
  const second = execute(search, "bread", { clock });
  const third = execute(search, "soup", { clock });

  // At once, before anything is sent; our own caller is told 503 with Retry-After: 1.
  await expect(third).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
  });
  await clock.advance(1_000);
  expect(await Promise.all([first, second])).toEqual(["found", "found"]);
  expect(limit.snapshot()).toMatchObject({ limit: 2, inUse: 0, outliving: 0, rejected: 1 });
  // #endregion
  expect(events.all).toMatchObject([{ type: "limitReached", name: "search", limit: 2, retryAfterMs: 1_000 }]);
}

export async function countsWhatOutlivesItsCaller(): Promise<void> {
  // #region outliving
  const clock = new VirtualClock();
  const deaf = scripted([answers("too late", { after: "5s", deaf: true }), hangs()]);
  const limit = concurrencyLimit(1);
  const report = pipeline(limit, attemptTimeout("1s"))(deaf);

  const first = execute(report, "2026", { clock }).catch((error: unknown) => error);
  await clock.advance(1_000);
  expect(await first).toMatchObject({ code: "ATTEMPT_TIMEOUT" });

  // The caller is gone, the other side still works: the slot is taken.
  expect(limit.snapshot()).toMatchObject({ inUse: 1, outliving: 1 });
  await expect(execute(report, "2025", { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });

  await clock.advance(4_000);
  expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
  // #endregion
}

export async function changesAtRunTime(): Promise<void> {
  // #region reconfigure
  const clock = new VirtualClock();
  const limit = concurrencyLimit(2);
  const search = limit(scripted([hangs()]));
  for (let calls = 0; calls < 2; calls += 1) execute(search, "pasta", { clock }).catch(() => {});

  limit.reconfigure({ limit: 1 }); // nobody is thrown out; nobody comes in until one slot is free again
  expect(limit.snapshot()).toMatchObject({ limit: 1, inUse: 2 });
  await expect(execute(search, "soup", { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  // #endregion
}

export async function limitsNothing(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const slow = scripted([hangs()]);

  // A limit for each call has a free slot for each call.
  const search = (query: string) => execute(concurrencyLimit(10)(slow), query, { clock });
  for (let calls = 0; calls < 200; calls += 1) search("pasta").catch(() => {});

  expect(slow.running).toBe(200);
  // #endregion
}

export async function limitsTheService(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const slow = scripted([hangs()]);

  const limit = concurrencyLimit(10); // one for the service, made at the start
  const search = limit(slow);
  for (let calls = 0; calls < 200; calls += 1) execute(search, "pasta", { clock }).catch(() => {});

  expect(slow.running).toBe(10);
  // #endregion
}

export async function holdsASlotWhileWaiting(): Promise<void> {
  // #region wrongOrder
  const clock = new VirtualClock();
  const limit = concurrencyLimit(1);
  const call = scripted([fails(unavailable), answers("found")]);

  // Around the retry, the slot is held during the wait, when nothing runs.
  const policy = pipeline(limit, retry({ backoff: fixed("1s"), jitter: "none" }));
  const first = execute(policy(call), "pasta", { clock, idempotent: true });
  await clock.advance(500);
  expect(call.running).toBe(0);
  await expect(execute(policy(call), "soup", { clock })).rejects.toMatchObject({ code: "LIMIT_REACHED" });
  // #endregion
  await clock.advance(500);
  expect(await first).toBe("found");
}

export async function holdsASlotWhileRunning(): Promise<void> {
  // #region rightOrder
  const clock = new VirtualClock();
  const limit = concurrencyLimit(1);
  const call = scripted([fails(unavailable), answers("found")]);

  const policy = pipeline(retry({ backoff: fixed("1s"), jitter: "none" }), limit);
  const first = execute(policy(call), "pasta", { clock, idempotent: true });
  await clock.advance(500);
  expect(await execute(policy(call), "soup", { clock })).toBe("found"); // during the other one's wait
  // #endregion
  await clock.advance(500);
  expect(await first).toBe("found");
}

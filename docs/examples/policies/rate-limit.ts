import {
  attemptTimeout,
  execute,
  Failure,
  pipeline,
  type RateLimit,
  rateLimit,
  retry,
} from "@outrigger/core";
import { answers, fails, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

/** Makes the call and keeps what it ends with, error or answer. */
function ended(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const limit = rateLimit({ name: "maps", permits: 10, per: "1s", burst: 2, clock, onEvent: events.listen });
  const search = pipeline(retry(), limit, attemptTimeout("1s"))(scripted([answers("found")]));

  const calls = [1, 2, 3].map((place) => ended(execute(search, place, { clock })));

  const limited = { code: "RATE_LIMITED", effect: "none", retryAfterMs: 100 }; // when its permit is there
  expect(await Promise.all(calls)).toMatchObject(["found", "found", limited]);
  await clock.advance(100);
  expect(await execute(search, 3, { clock })).toBe("found");
  // #endregion
  expect(events.all).toEqual([
    { type: "rateLimited", name: "maps", code: "RATE_LIMITED", retryAfterMs: 100 },
  ]);
  expect(await calls[2]).toMatchObject({
    kind: "rejected",
    message: "the rate limit of maps is used up; try again in 100 ms",
  });
}

export async function waits(): Promise<void> {
  // #region wait
  const clock = new VirtualClock();
  const limit = rateLimit({ permits: 10, per: "1s", burst: 1, mode: "wait", maxWait: "200ms", clock });
  const send = limit(scripted([answers("sent")]));

  const mails = [1, 2, 3, 4].map((mail) => ended(execute(send, mail, { clock })));
  await clock.advance(200); // one at once, one after 100 ms, one after 200 ms

  const late = { code: "RATE_LIMITED", retryAfterMs: 300 }; // told at once, not after 200 ms
  expect(await Promise.all(mails)).toMatchObject(["sent", "sent", "sent", late]);
  // #endregion
  expect(clock.pending).toBe(0);
}

export async function costs(): Promise<void> {
  // #region cost
  const clock = new VirtualClock();
  const limit = rateLimit({
    permits: 100,
    per: "1m",
    cost: (batch) => (batch as readonly string[]).length, // a batch of fifty counts as fifty
    clock,
  });
  const geocode = limit(scripted([answers("found")]));

  await execute(geocode, Array(50).fill("an address"), { clock });
  expect(limit.snapshot()).toMatchObject({ available: 50, spent: 50 });
  // #endregion
  await expect(execute(geocode, Array(101).fill("an address"), { clock })).rejects.toThrow(RangeError);
}

export async function pauses(): Promise<void> {
  // #region pause
  const clock = new VirtualClock();
  const events = recordEvents();
  const limit = rateLimit({ permits: 10, per: "1s", clock, onEvent: events.listen });
  const busy = new Failure("429", { code: "TOO_MANY_REQUESTS", effect: "none", retryAfterMs: 5_000 });
  const search = limit(scripted([fails(busy), answers("found")]));

  expect(await ended(execute(search, "pasta", { clock }))).toBe(busy);
  expect(events.all).toMatchObject([{ type: "ratePaused", pauseMs: 5_000 }]);

  const other = await ended(execute(search, "pizza", { clock })); // nobody asks before the 5 s are over
  expect(other).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 5_000 });

  limit.drain(clock.now() + 60_000); // the same by hand: nothing for a minute
  limit.reconfigure({ permits: 5 }); // what is left out stays
  // #endregion
  expect(limit.snapshot()).toMatchObject({ permits: 5, perMs: 1_000, burst: 5, pausedForMs: 60_000 });
}

/** The most calls that a provider sees in one of its minutes, when we have rested and then call all the time. */
async function mostInOneMinute(clock: VirtualClock, limit: RateLimit): Promise<number> {
  const seen = new Map<number, number>();
  const call = limit(async () => {
    const minute = Math.floor(clock.now() / 60_000);
    seen.set(minute, (seen.get(minute) ?? 0) + 1);
  });
  for (let second = 0; second < 180; second += 1) {
    for (let time = 0; time < 100; time += 1) await execute(call, time, { clock }).catch(() => {});
    await clock.advance(1_000);
  }
  return Math.max(...seen.values());
}

export async function wrong(): Promise<void> {
  const clock = new VirtualClock();
  // #region wrong
  // The provider allows 100 calls in each minute of its clock, and answers 429 to more.
  const limit = rateLimit({ permits: 100, per: "1m", clock }); // wrong: a burst of 100, and 100 a minute on top

  expect(await mostInOneMinute(clock, limit)).toBe(198);
  // #endregion
}

export async function right(): Promise<void> {
  const clock = new VirtualClock();
  // #region right
  const limit = rateLimit({ permits: 80, per: "1m", burst: 20, clock }); // burst + permits = what it allows

  expect(await mostInOneMinute(clock, limit)).toBeLessThanOrEqual(100);
  // #endregion
}

import {
  type AdaptiveThrottle,
  adaptiveThrottle,
  attemptTimeout,
  circuitBreaker,
  execute,
  Failure,
  type Policy,
  pipeline,
  retry,
} from "@outrigger/core";
import { answers, fails, recordEvents, scripted, seededRandom, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const busy = new Failure("503", { code: "UNAVAILABLE", effect: "none" });
const declined = new Failure("402", { code: "DECLINED", effect: "none", kind: "refused" });

/** So many calls, one each 100 ms, to a provider that answers one in `oneIn`; how many of them it was sent. */
async function sent(
  policy: Policy,
  clock: VirtualClock,
  { calls, oneIn = 1, error = busy }: { calls: number; oneIn?: number; error?: Failure },
): Promise<number> {
  const script = Array.from({ length: calls }, (_, index) =>
    index % oneIn === 0 ? answers("ok") : fails(error),
  );
  const provider = scripted(script);
  for (let index = 0; index < calls; index += 1) {
    await execute(policy(provider), index, { clock }).catch(() => {});
    await clock.advance(100);
  }
  return provider.attempts.length;
}

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const throttle = adaptiveThrottle({
    name: "maps",
    clock,
    random: seededRandom(7), // a test's; left out, it is Math.random
    onEvent: events.listen,
  });
  const policy = pipeline(
    retry(),
    circuitBreaker({ clock, failureRatio: 0.9 }),
    throttle,
    attemptTimeout("1s"),
  );

  // All is well: a thousand calls, and none is turned away.
  expect(await sent(policy, clock, { calls: 1_000 })).toBe(1_000);

  // From now on it accepts one call in ten. After two minutes nothing else is in the window.
  await sent(throttle, clock, { calls: 1_200, oneIn: 10 });
  const { requests, accepts, rejectionProbability } = throttle.snapshot();
  expect(rejectionProbability).toBeCloseTo((requests - 2 * accepts) / (requests + 1));
  expect(rejectionProbability).toBeGreaterThan(0.7); // it is sent about twice what it accepts, not ten times
  // #endregion
  expect(events.of("throttlingChanged")[0]).toMatchObject({ throttling: true });
  expect(events.of("callThrottled").length).toBe(throttle.snapshot().rejected);
}

export async function outage(): Promise<void> {
  // #region outage
  const clock = new VirtualClock();
  const throttle = adaptiveThrottle({ clock, random: () => 0 }); // the unluckiest chance
  const down = scripted<string>([...Array(100).fill(fails(busy)), answers("ok")]);
  const call = throttle(down);

  let calls = 0;
  for (let answer = ""; answer !== "ok"; calls += 1) {
    answer = await execute(call, "pasta", { clock }).catch(({ code }: Failure) => code);
  }
  // Most were turned away here; but one in 21 went through in any case, so the recovery was noticed.
  expect(down.attempts.length).toBe(101);
  expect(throttle.snapshot().rejected).toBe(calls - 101);
  // #endregion
  expect((calls - 101) / (101 - 10)).toBe(20);
}

export async function rejection(): Promise<void> {
  // #region rejection
  const clock = new VirtualClock();
  const throttle = adaptiveThrottle({ name: "maps", clock, random: () => 0 });
  const call = throttle(scripted([fails(busy)]));
  for (let first = 0; first < 10; first += 1) await execute(call, first, { clock }).catch(() => {});

  await expect(execute(call, "pasta", { clock })).rejects.toMatchObject({
    code: "ADAPTIVE_THROTTLED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 1_000,
    message:
      "the adaptive throttle of maps turns away 90 % of the calls: " +
      "0 of 11 requests were accepted in 2 m; try again in 1 s",
  });
  // #endregion
}

export function reconfigured(throttle: AdaptiveThrottle): void {
  // #region reconfigure
  throttle.reconfigure({ k: 1.5, window: "1m" }); // what is left out stays; counts stay as far as they fit
  // #endregion
}

export async function wrong(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  // Wrong: nine of ten cards are declined today, and that counts as a provider that is overloaded.
  const throttle = adaptiveThrottle({ isFailure: () => true, clock, random: seededRandom(7) });

  expect(await sent(throttle, clock, { calls: 1_000, oneIn: 10, error: declined })).toBeLessThan(500);
  // #endregion
}

export async function right(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  // Right: a declined card is an answer, so the request was accepted.
  const throttle = adaptiveThrottle({ clock, random: seededRandom(7) });

  expect(await sent(throttle, clock, { calls: 1_000, oneIn: 10, error: declined })).toBe(1_000);
  // #endregion
}

export function refused(): void {
  // #region refused
  expect(() => adaptiveThrottle({ maxRejection: 1 })).toThrow(
    "with 1 nothing would be let through to notice that the other side is back",
  );
  // #endregion
}

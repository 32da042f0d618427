import { seededRandom, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, failure, ListeningContext, manual, watch } from "../../test/calls.ts";
import {
  type AdaptiveAttemptTimeout,
  adaptiveAttemptTimeout,
  attemptTimeout,
  type CallContext,
  deadline,
  execute,
  type PolicyEvent,
  planOf,
} from "../index.ts";

/** Calls that answer after `latencyMs()` and stop when told, one after another. */
async function feed(
  clock: VirtualClock,
  policy: AdaptiveAttemptTimeout,
  calls: number,
  latencyMs: () => number,
): Promise<number> {
  let timedOut = 0;
  const call = policy<string, string>(
    (_, context) =>
      new Promise((resolve, reject) => {
        const timer = clock.setTimer(latencyMs(), () => resolve(""));
        context.onAbort((reason) => {
          timer.cancel();
          reject(reason);
        });
      }),
  );
  for (let index = 0; index < calls; index += 1) {
    void execute(call, "", { clock }).catch(() => {
      timedOut += 1;
    });
    if (index % 50 === 49) await clock.advance(100);
  }
  await clock.advance(20_000);
  return timedOut;
}

test("until enough calls have been seen, the timeout is its maximum", async () => {
  const clock = new VirtualClock();
  const policy = adaptiveAttemptTimeout({ max: "10s", percentile: 0.99, window: "1h" });
  await feed(clock, policy, 298, () => 20);
  expect(policy.snapshot()).toMatchObject({ timeoutMs: 10_000, calls: 298 });
  await feed(clock, policy, 1, () => 20);
  // 20 ms for everybody is narrow, so it is padded by half, and stays above the minimum of 100 ms.
  expect(policy.snapshot()).toMatchObject({ timeoutMs: 100, calls: 299 });
});

test("where all take about as long, the padding is half of it; and few samples are looked at from above", async () => {
  const clock = new VirtualClock();
  const narrow = adaptiveAttemptTimeout({ max: "10s", percentile: 0.99, window: "1h" });
  await feed(clock, narrow, 299, () => 200);
  expect(narrow.snapshot().timeoutMs).toBeGreaterThanOrEqual(300);
  expect(narrow.snapshot().timeoutMs).toBeLessThan(300 * 1.07);
  const few = adaptiveAttemptTimeout({ max: "10s", percentile: 0.99, window: "1h" });
  let call = 0;
  await feed(clock, few, 299, () => {
    call += 1;
    return call === 1 ? 1_000 : 20;
  });
  // One of 299 is less than 1 %, and still nobody can rule out with 95 % confidence that 1 % are like it.
  expect(few.snapshot().timeoutMs).toBeGreaterThanOrEqual(1_200);
});

test("the timeout follows the latency, padded, between its bounds", async () => {
  const clock = new VirtualClock();
  const policy = adaptiveAttemptTimeout({ max: "10s", percentile: 0.9, window: "1h", name: "map" });
  const random = seededRandom(20_261_122);
  await feed(clock, policy, 1_000, () => (random() < 0.6 ? 100 : 500));
  const { timeoutMs } = policy.snapshot();
  expect(timeoutMs).toBeGreaterThanOrEqual(500 * 1.2);
  expect(timeoutMs).toBeLessThan(500 * 1.2 * 1.07);

  const events: PolicyEvent[] = [];
  const watched = adaptiveAttemptTimeout({
    max: "1s",
    min: "30ms",
    percentile: 0.9,
    onEvent: (event) => void events.push(event),
  });
  await feed(clock, watched, 400, () => 20);
  const startedAtMs = clock.now();
  const answer = watch(execute(watched(deaf), "", { clock }));
  await clock.advance(29.9);
  expect(answer.status).toBe("waiting");
  await clock.advance(5);
  expect(answer.error).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "unknown" });
  expect(events).toMatchObject([{ type: "attemptTimedOut", attempt: 1, effect: "unknown" }]);
  expect(clock.now() - startedAtMs).toBeLessThan(36);
  expect(watched.snapshot()).toMatchObject({ timedOut: 1, calls: 401 });
});

test("recomputed over and over, the timeout does not creep downward by its own doing", async () => {
  const clock = new VirtualClock();
  const policy = adaptiveAttemptTimeout({ max: "10s", percentile: 0.99, window: "60s" });
  const random = seededRandom(20_261_122);
  // Log-normal: half within 50 ms, 1 % above 512 ms.
  const latencyMs = (): number => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return 50 * Math.exp(normal);
  };
  const rounds: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    const timedOut = await feed(clock, policy, 3_000, latencyMs);
    rounds.push(timedOut / 3_000);
    expect(policy.snapshot().timeoutMs).toBeGreaterThan(512);
  }
  expect(Math.max(...rounds), `${rounds}`).toBeLessThan(0.015);
  expect(Math.min(...rounds.slice(1)), `${rounds}`).toBeGreaterThan(0);
});

test("a service that becomes slow is found out: the timeout rises to its maximum, and then to what is needed", async () => {
  for (const [slowMs, timeoutMs] of [
    [12_000, 10_000],
    [5_000, 6_144],
  ] as const) {
    const clock = new VirtualClock();
    const policy = adaptiveAttemptTimeout({ max: "10s", percentile: 0.9, window: "1h" });
    await feed(clock, policy, 300, () => 50);
    expect(policy.snapshot().timeoutMs).toBeLessThan(200);
    await feed(clock, policy, 300, () => slowMs);
    expect(Math.round(policy.snapshot().timeoutMs)).toBe(timeoutMs);
  }
});

test("failures and rejections are no latencies; refusals are, and cut-short calls count as longer", async () => {
  const clock = new VirtualClock();
  const policy = adaptiveAttemptTimeout({ max: "10s", window: "1h" });
  for (const kind of ["failed", "rejected"] as const) {
    await execute(
      policy(() => Promise.reject(failure({ kind }))),
      "",
      { clock },
    ).catch(() => {});
  }
  expect(policy.snapshot().calls).toBe(0);
  await execute(
    policy(() => Promise.reject(failure({ kind: "refused" }))),
    "",
    { clock },
  ).catch(() => {});
  expect(policy.snapshot().calls).toBe(1);
  const cut = watch(execute(deadline("1s")(policy(deaf)), "", { clock }));
  await clock.advance(1_000);
  expect(cut.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(policy.snapshot()).toMatchObject({ calls: 2, timedOut: 0, timeoutMs: 10_000 });
  const controller = new AbortController();
  const aborted = watch(execute(policy(deaf), "", { clock, signal: controller.signal }));
  controller.abort();
  await clock.advance(0);
  expect(aborted.error).toMatchObject({ code: "CALL_ABORTED" });
  expect(policy.snapshot().calls).toBe(3);
});

test("in all else it is an attempt timeout", async () => {
  const outcomes = async (policy: typeof attemptTimeout | typeof adaptive): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (const deadlineAtMs of [0, 500, 5_000]) {
      const clock = new VirtualClock();
      const context = new ListeningContext({ clock, deadlineAtMs });
      const { call, calls } = manual();
      const answer = watch(policy("1s")(call)("", context));
      const reached: CallContext | undefined = calls[0]?.context;
      reached?.record("none");
      await clock.advance(2_000);
      const { code, effect } = answer.error as { code: string; effect: string };
      seen.push([code, effect, reached?.abortReason?.code, context.listeners, clock.pending]);
    }
    return seen;
  };
  const adaptive = (max: "1s"): AdaptiveAttemptTimeout => adaptiveAttemptTimeout({ max });
  expect(await outcomes(adaptive)).toEqual(await outcomes(attemptTimeout));
  expect(planOf(adaptive("1s"))).toMatchObject({ kind: "attemptTimeout", timeoutMs: 1_000 });
});

test("wrong options are refused with their path and the fix", () => {
  const path = "adaptiveAttemptTimeout";
  expect(() => adaptiveAttemptTimeout({} as never)).toThrow(`${path}.max must be a duration with a unit`);
  expect(() => adaptiveAttemptTimeout({ max: "1s", min: "2s" })).toThrow(
    `${path}.min must lie between 1ms and 1s`,
  );
  expect(() => adaptiveAttemptTimeout({ max: "50ms" })).not.toThrow();
  expect(() => adaptiveAttemptTimeout({ max: "1s", percentile: 99 })).toThrow(
    `${path}.percentile must be a number between 0.5 and 0.9999; got 99`,
  );
  expect(() => adaptiveAttemptTimeout({ max: "1s", padding: 0.9 })).toThrow(
    `${path}.padding must be a number between 1 and 10; got 0.9`,
  );
  expect(() => adaptiveAttemptTimeout({ max: "1s", window: "1ms" })).toThrow(
    `${path}.window must lie between 1s`,
  );
  expect(() => adaptiveAttemptTimeout({ max: "1s", timeout: "1s" } as never)).toThrow(
    `${path}.timeout is not`,
  );
});

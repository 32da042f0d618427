import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import { adaptiveConcurrency, attemptTimeout, type Call, execute, pipeline } from "../index.ts";

interface Step {
  readonly end: "ok" | "fails" | "refuses" | "rejects" | "throws" | "deaf" | "plain";
  /** How long the work takes; more than 50 ms is longer than its caller waits. */
  readonly forMs: number;
  /** When its caller goes away; later than the end means not at all. */
  readonly abortAfterMs: number;
  readonly waitMs: number;
  readonly change: "none" | "narrow" | "wide" | "other";
}

const step: fc.Arbitrary<Step> = fc.record({
  end: fc.constantFrom("ok", "ok", "fails", "refuses", "rejects", "throws", "deaf", "plain"),
  forMs: fc.integer({ min: 0, max: 120 }),
  abortAfterMs: fc.integer({ min: 0, max: 200 }),
  waitMs: fc.constantFrom(0, 0, 0, 7, 30),
  change: fc.constantFrom("none", "none", "none", "none", "narrow", "wide", "other"),
});

test("permits in are permits out, and no more work runs than was let in, however calls end and settings change", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const clock = new VirtualClock();
      const limit = adaptiveConcurrency({
        clock,
        random: () => 0,
        initial: 4,
        min: 1,
        max: 8,
        window: "20ms",
        minimumCalls: 2,
        gradient: { probeEvery: 2 },
      });
      let running = 0;
      const work: Call<Step, string> = ({ end, forMs }) => {
        if (end === "throws") throw failure();
        if (end === "plain") return "plain" as never;
        running += 1;
        if (running > limit.snapshot().inUse) expect.fail("work runs without a slot");
        return new Promise((resolve, reject) => {
          const finish = (how: () => void): void => {
            running -= 1;
            how();
          };
          clock.setTimer(end === "deaf" ? forMs + 100 : forMs, () =>
            finish(() => {
              if (end === "ok" || end === "deaf") resolve("ok");
              else if (end === "refuses") reject(failure({ kind: "refused" }));
              else reject(failure({ kind: end === "rejects" ? "rejected" : "failed" }));
            }),
          );
        });
      };
      const guarded = pipeline(limit, attemptTimeout("50ms"))(work);
      const bare = limit(work);
      let answered = 0;
      for (const [index, each] of steps.entries()) {
        const controller = new AbortController();
        clock.setTimer(each.abortAfterMs, () => controller.abort());
        const call = index % 2 === 0 ? guarded : bare;
        const answer = execute(call, each, { clock, signal: controller.signal });
        const count = (): void => {
          answered += 1;
        };
        answer.then(count, count);
        if (each.change === "narrow") limit.reconfigure({ max: 2 });
        if (each.change === "wide") limit.reconfigure({ max: 8, window: "10ms" });
        if (each.change === "other") limit.reconfigure({ algorithm: "aimd", gradient: undefined });
        await clock.advance(each.waitMs);
        const { allowed, limit: now, min, max } = limit.snapshot();
        if (!(allowed >= min && allowed <= now && now <= max)) expect.fail(`${allowed} of ${now}`);
      }
      await clock.advance(1_000);
      expect([running, answered, clock.pending]).toEqual([0, steps.length, 0]);
      expect(limit.snapshot()).toMatchObject({ inUse: 0, outliving: 0 });
    }),
    { numRuns: 150 },
  );
});

import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { execute, rateLimit } from "../index.ts";

test("races: however arrivals, aborts, pauses and time are ordered, no span of time sees too many, and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(
        fc.record({
          abort: fc.boolean(),
          cost: fc.integer({ min: 1, max: 3 }),
          pauseMs: fc.constantFrom(0, 0, 0, 40),
          passMs: fc.constantFrom(0, 0, 5, 30),
        }),
        { minLength: 2, maxLength: 14 },
      ),
      async (s, visits) => {
        const clock = new VirtualClock();
        const [permits, perMs, burst] = [2, 20, 3];
        const limit = rateLimit({
          permits,
          per: `${perMs}ms`,
          burst,
          mode: "wait",
          maxWait: "60ms",
          maxWaiting: 4,
          cost: Number,
          clock,
        });
        const sent: { atMs: number; cost: number }[] = [];
        const call = limit<number, string>(async (cost) => {
          sent.push({ atMs: clock.now(), cost });
          return "ok";
        });
        let ends = 0;
        const answers = visits.map(async ({ abort, cost, pauseMs, passMs }, index) => {
          await s.schedule(Promise.resolve(), `come ${index}`);
          const controller = new AbortController();
          if (abort) void s.schedule(Promise.resolve(), `abort ${index}`).then(() => controller.abort());
          if (pauseMs > 0) {
            void s.schedule(Promise.resolve(), "pause").then(() => limit.drain(clock.now() + pauseMs));
          }
          void s.schedule(Promise.resolve(), `time ${passMs}`).then(() => clock.advance(passMs));
          await execute(call, cost, { clock, signal: controller.signal }).catch(() => {});
          ends += 1;
        });
        await s.waitIdle();
        await clock.advance(1_000);
        await Promise.all(answers);
        for (const [from, first] of sent.entries()) {
          let sum = 0;
          for (const each of sent.slice(from)) {
            sum += each.cost;
            expect(sum).toBeLessThanOrEqual(burst + ((each.atMs - first.atMs) * permits) / perMs + 1e-6);
          }
        }
        const { waiting, spent, refunded } = limit.snapshot();
        expect([ends, waiting, clock.pending]).toEqual([visits.length, 0, 0]);
        const used = sent.reduce((sum, { cost }) => sum + cost, 0);
        // What was spent and not sent came back, as far as the bucket would not have spilled it.
        expect(spent - used).toBeGreaterThanOrEqual(refunded - 1e-6);
      },
    ),
    { numRuns: 100 },
  );
}, 60_000);

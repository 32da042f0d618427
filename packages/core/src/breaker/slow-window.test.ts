import fc from "fast-check";
import { expect, test } from "vitest";
import { circuitRules } from "../../test/circuits.ts";
import { windowOf } from "./outcome-window.ts";
import { Tally, tallyAfterChange } from "./tally.ts";

const simple = { failureRatio: 1, minimumCalls: 1_000, openForMs: 1, probes: 1, maxHalfOpenMs: 1 };

/** What happens to one call: it ends fast, or is found slow and then ends; rules change and snapshots are restored between. */
type Act = "fastOk" | "fastFailed" | "found" | "slowEnds" | "changed" | "restored" | "cleared";

test.each([
  ["time", { windowMs: 1_000 }],
  ["count", { count: 7 }],
] as const)("slow calls are counted as if they had a %s window of their own from the start", (_, window) => {
  const rules = {
    ...circuitRules({ ...simple, window }),
    slowCall: { window, afterMs: 100, ratio: 1, minimumCalls: 1_000 },
  };
  const acts = fc.constantFrom<Act>(
    "fastOk",
    "fastOk",
    "fastFailed",
    "found",
    "slowEnds",
    "changed",
    "restored",
    "cleared",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(acts, fc.integer({ min: 0, max: 400 })), { maxLength: 30 }), (steps) => {
      let tally = new Tally(rules);
      const pace = windowOf(window);
      let running = 0;
      let nowMs = 0;
      for (const [act, laterMs] of steps) {
        nowMs += laterMs;
        if (act === "fastOk" || act === "fastFailed") {
          tally.recordPace(false, nowMs);
          tally.record(act === "fastFailed", nowMs);
          pace.record(false, nowMs);
        } else if (act === "found") {
          running += 1;
          tally.recordPace(true, nowMs);
          pace.record(true, nowMs);
        } else if (act === "slowEnds" && running > 0) {
          running -= 1;
          tally.record(true, nowMs);
        } else if (act === "changed") {
          tally = tallyAfterChange(tally, rules, nowMs);
        } else if (act === "restored") {
          // Calls that run meanwhile are not counted at their end.
          running = 0;
          const saved = JSON.parse(JSON.stringify(tally.save(nowMs)));
          tally = new Tally(rules);
          tally.load(saved, nowMs, nowMs);
        } else if (act === "cleared") {
          // A change of state: calls from before it are not counted at their end.
          running = 0;
          tally.clear();
          pace.clear();
        }
        tally.expire(nowMs);
        pace.expire(nowMs);
        expect(tally.slow).toEqual({ slow: pace.failures, calls: pace.calls });
      }
    }),
    { numRuns: 3_000 },
  );
});

import { expect, test } from "vitest";
import { isAbortError, type Library, type Subject, Unavailable } from "../libraries/library.ts";
import { verdictOn } from "../run/verdict.ts";
import { traps } from "../traps/index.ts";
import type { Case, Step } from "./format.ts";
import { play } from "./player.ts";
import { ClockTime } from "./time.ts";

/** Does nothing of what it is asked for, and says so of nothing. */
const nothing: Subject = {
  // Awaited, as a language does with whatever a function returns.
  call: async (work, signal) => await work(signal),
  state: () => "closed",
  kindOf: (error) => (isAbortError(error) ? "aborted" : undefined),
};

const naive: Library = {
  name: "naive",
  version: "0.0.0",
  lacks: {},
  documented: {},
  remarks: {},
  unavailable: () => new Unavailable("503"),
  declined: () => new Unavailable("declined"),
  build: () => nothing,
};

test("a library that protects against nothing passes only where doing nothing is right", async () => {
  const passed: string[] = [];
  for (const trap of traps) {
    const { status } = await verdictOn(trap, naive, () => new ClockTime());
    if (status === "pass") passed.push(trap.id);
  }
  // Its statistics cannot grow.
  expect(passed).toEqual(["T34"]);
});

const steps = (...all: readonly Step[]): Case => ({ name: "test", policies: [], steps: all });
const playNaive = (each: Case): Promise<string | undefined> => play(each, naive, new ClockTime(), new Set());

test("work behaves as written, and what was seen is told with what it means", async () => {
  const seen = await playNaive(
    steps(
      { call: "a", work: ["fail"] },
      { call: "b", work: { afterMs: 50, as: "ok" } },
      { call: "c", work: "manual", signal: "caller" },
      { expect: { otherwise: "no", outcome: { of: "a", is: "failed" }, running: 2, mostRunning: 2 } },
      { advance: 49 },
      { expect: { otherwise: "no", outcome: { of: "b", is: "waiting" } } },
      { advance: 1 },
      { expect: { otherwise: "no", outcome: { of: "b", is: "ok" }, answeredAtMs: { of: "b", is: 50 } } },
      { abort: "caller" },
      { expect: { otherwise: "no", outcome: { of: "c", is: "aborted" }, running: 0 } },
      { expect: { otherwise: "no", listenersOn: { signal: "caller", are: 0 }, timersThatHold: 0 } },
      { call: "d", work: "deaf", times: 3 },
      { expect: { otherwise: "the herd runs", running: { atMost: 2 } } },
    ),
  );
  expect(seen).toBe("the herd runs (3 running, at most 2 allowed)");
});

test("a call that is never let through is given up after the time it was given", async () => {
  const closed: Library = { ...naive, build: () => ({ ...nothing, call: () => new Promise(() => {}) }) };
  const seen = await play(
    steps({ callUntilStarted: "a", work: "ok", everyMs: 1_000, forMs: 120_000 }),
    closed,
    new ClockTime(),
    new Set(),
  );
  expect(seen).toBe("no call was let through for 2 min, the last one is waiting");
});

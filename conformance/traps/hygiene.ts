import type { Trap } from "../script/format.ts";
import { breaker, limit, openForMs, retry, timeout, trip } from "./setups.ts";

export const hygiene: readonly Trap[] = [
  {
    id: "T17",
    title: "Listeners pile up on a long-lived signal",
    meaning: "Thousands of calls with the service's shutdown signal leave no listener on it.",
    cases: [
      {
        name: "5,000 successes",
        policies: [retry(1, { fixedMs: 10 }), breaker, limit(1_000), timeout(1_000)],
        steps: [
          { load: 5_000, work: "ok", signal: "shutdown" },
          { expect: { otherwise: "leaks", listenersOn: { signal: "shutdown", are: 0 } } },
        ],
        needs: ["abortOfWaits"],
      },
      {
        name: "failures, waits and timeouts",
        policies: [retry(2, { fixedMs: 10 }), limit(1_000), timeout(100)],
        steps: [
          { call: "fails", work: "fail", times: 50, signal: "shutdown" },
          { call: "hangs", work: "manual", times: 50, signal: "shutdown" },
          { advance: 10_000 },
          { expect: { otherwise: "still runs", running: 0 } },
          { expect: { otherwise: "leaks", listenersOn: { signal: "shutdown", are: 0 } } },
        ],
        needs: ["abortOfWaits"],
      },
    ],
  },
  {
    id: "T22",
    title: "An idle policy keeps the process alive",
    meaning: "An open breaker, or one that was used, holds no timer that keeps the process from ending.",
    cases: [
      {
        name: "open breaker",
        policies: [breaker],
        steps: [...trip, { expect: { otherwise: "an open breaker holds the process", timersThatHold: 0 } }],
      },
      {
        name: "after calls",
        policies: [limit(10), timeout(1_000)],
        steps: [
          { load: 100, work: "ok" },
          { load: 100, work: "fail" },
          { expect: { otherwise: "finished calls hold the process", timersThatHold: 0 } },
        ],
      },
    ],
  },
  {
    id: "T23",
    title: "The wall clock jumps",
    meaning:
      "A clock set back by an hour must not keep the breaker open for an hour, nor one set forward close it.",
    cases: [
      {
        name: "back",
        policies: [breaker],
        steps: [
          ...trip,
          { jumpWall: -3_600_000 },
          { advance: openForMs + 1 },
          { call: "probe", work: "ok" },
          { expect: { otherwise: "stays open for another hour", attempts: { of: "probe", are: 1 } } },
        ],
      },
      {
        name: "forward",
        policies: [breaker],
        steps: [
          ...trip,
          { jumpWall: 3_600_000 },
          { call: "early", work: "ok" },
          { expect: { otherwise: "its open time is over at once", attempts: { of: "early", are: 0 } } },
        ],
      },
    ],
  },
  {
    id: "T25",
    title: "A listener that throws changes the call",
    meaning: "An observer's mistake must not turn a success into an error, or count it twice.",
    cases: [
      {
        name: "success",
        policies: [breaker],
        steps: [
          { listen: "throwing" },
          { call: "a", work: "ok" },
          { expect: { otherwise: "a success became an error", outcome: { of: "a", is: "ok" } } },
          { repeat: 10, steps: [{ call: "more", work: "ok" }] },
          { expect: { otherwise: "successes opened it", state: "closed" } },
        ],
        needs: ["listeners"],
      },
      {
        name: "opening and closing",
        policies: [breaker],
        steps: [
          { listen: "throwing" },
          { repeat: 10, steps: [{ call: "trip", work: "fail" }] },
          { expect: { otherwise: "did not open", state: "open" } },
          { call: "rejected", work: "ok" },
          {
            expect: {
              otherwise: "the rejection is another error",
              outcome: { of: "rejected", is: "rejected" },
            },
          },
          { advance: openForMs + 1 },
          { call: "probe", work: "ok" },
          { expect: { otherwise: "the probe's answer is lost", outcome: { of: "probe", is: "ok" } } },
          { expect: { otherwise: "did not close", state: "closed" } },
        ],
        needs: ["listeners"],
      },
    ],
  },
  {
    id: "T26",
    title: "What is no promise",
    meaning:
      "Plain values, undefined and thenables are answers; a throw before the first await is a failure.",
    cases: [
      {
        name: "values",
        policies: [breaker],
        steps: [
          { call: "plain", work: "plainValue" },
          { expect: { otherwise: "a plain value is an error", outcome: { of: "plain", is: "ok" } } },
          { call: "thenable", work: "thenable" },
          { expect: { otherwise: "a thenable is an error", outcome: { of: "thenable", is: "ok" } } },
          { call: "undefined", work: "undefined" },
          { expect: { otherwise: "undefined is an error", outcome: { of: "undefined", is: "ok" } } },
          { repeat: 10, steps: [{ call: "more", work: "undefined" }] },
          { expect: { otherwise: "undefined opened it", state: "closed" } },
        ],
      },
      {
        name: "throws",
        policies: [breaker, limit(1)],
        steps: [
          { call: "throws", work: "throws" },
          { expect: { otherwise: "a throw at once is lost", outcome: { of: "throws", is: "failed" } } },
          { repeat: 10, steps: [{ call: "more", work: "throws" }] },
          { expect: { otherwise: "throws at once are not counted as failures", state: "open" } },
        ],
      },
    ],
  },
  {
    id: "T27",
    title: "Reconfiguring while calls run",
    meaning: "New settings take effect without losing counts or permits of calls in flight.",
    cases: [
      {
        name: "limit",
        policies: [limit(2)],
        steps: [
          { call: "old", work: "manual", times: 2 },
          { reconfigure: [limit(1)] },
          { call: "over", work: "manual" },
          { expect: { otherwise: "permits in flight are forgotten", attempts: { of: "over", are: 0 } } },
          { settle: "old", as: "ok" },
          { call: "new", work: "manual", times: 3 },
          { expect: { otherwise: "not one of one runs", running: 1 } },
        ],
        needs: ["reconfigure"],
      },
      {
        name: "breaker",
        policies: [breaker],
        steps: [
          { repeat: 4, steps: [{ call: "before", work: "fail" }] },
          { call: "flying", work: "manual" },
          { reconfigure: [{ ...breaker, openForMs: 5_000 }] },
          { settle: "flying", as: "fail" },
          { expect: { otherwise: "counts are lost", state: "open" } },
          { advance: 5_001 },
          { call: "probe", work: "ok" },
          { expect: { otherwise: "the new open time is not in force", state: "closed" } },
        ],
        needs: ["reconfigure", "reconfigureBreaker"],
      },
    ],
  },
];

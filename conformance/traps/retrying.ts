import type { Trap } from "../script/format.ts";
import { breaker, retry } from "./setups.ts";

export const retrying: readonly Trap[] = [
  {
    id: "T12",
    title: "Abort during backoff",
    meaning: "A caller who leaves during a backoff is answered at once, and nothing more is sent for them.",
    cases: [
      {
        name: "abort at 20 ms of 300",
        policies: [retry(2, { fixedMs: 300 })],
        steps: [
          { call: "stays", work: "fail" },
          { advance: 1_000 },
          { expect: { otherwise: "does not retry", attempts: { of: "stays", are: 3 } } },
          { call: "a", work: "fail", signal: "caller" },
          { advance: 20 },
          { abort: "caller" },
          { advance: 5 },
          {
            expect: {
              otherwise: "still waits after the abort",
              answeredAtMs: { of: "a", is: { atMost: 1_025 } },
            },
          },
          { advance: 10_000 },
          { expect: { otherwise: "sent again after the abort", attempts: { of: "a", are: 1 } } },
        ],
        needs: ["abortOfWaits"],
      },
    ],
  },
  {
    id: "T24",
    title: "Backoff arithmetic",
    meaning:
      "Factor and maximum are obeyed, and a thousand attempts later the wait is still a finite number.",
    cases: [
      {
        name: "factor 3, at most 10 s",
        policies: [retry(1_000, { firstMs: 100, factor: 3, maxMs: 10_000, jitter: "none" })],
        steps: [
          { call: "a", work: "fail" },
          { advance: 1_000 * 10_000 },
          { expect: { otherwise: "gives up early, or never", attempts: { of: "a", are: 1_001 } } },
          {
            expect: {
              otherwise: "waits are wrong",
              waits: { of: "a", start: [100, 300, 900, 2_700, 8_100, 10_000], each: { min: 0, max: 10_000 } },
            },
          },
        ],
      },
      {
        name: "with jitter",
        policies: [retry(1_000, { firstMs: 100, factor: 2, maxMs: 10_000, jitter: "full" })],
        steps: [
          { call: "a", work: "fail" },
          { advance: 1_000 * 10_000 },
          { expect: { otherwise: "gives up early, or never", attempts: { of: "a", are: 1_001 } } },
          { expect: { otherwise: "waits are wrong", waits: { of: "a", each: { min: 0, max: 10_001 } } } },
        ],
      },
    ],
  },
  {
    id: "T28",
    title: "A budget that leaks",
    meaning: "A retry budget refills with time, and room reserved for a retry that is not made comes back.",
    cases: [
      {
        name: "refills",
        policies: [retry(1, { fixedMs: 10 }, { budget: { ratio: 0, perSecond: 1 } })],
        steps: [
          { call: "first", work: "fail", times: 50 },
          { advance: 100 },
          { expect: { otherwise: "no bound", attempts: { of: "first", are: { atMost: 70 } } } },
          { advance: 60_000 },
          { call: "later", work: "fail" },
          { advance: 100 },
          { expect: { otherwise: "never refills", attempts: { of: "later", are: 2 } } },
        ],
      },
      {
        name: "gives back on abort",
        policies: [retry(1, { fixedMs: 1_000 }, { budget: { ratio: 0, perSecond: 1 } })],
        steps: [
          { call: "leaves", work: "fail", times: 50, signal: "caller" },
          { abort: "caller" },
          { call: "stays", work: "fail" },
          { advance: 1_500 },
          { expect: { otherwise: "aborted waits keep their room", attempts: { of: "stays", are: 2 } } },
        ],
      },
    ],
  },
  {
    id: "T29",
    title: "Retries pass the budget together while they wait",
    meaning:
      "Of a thousand calls that fail at once, a budget of 20 % lets at most two hundred be sent again.",
    cases: [
      {
        name: "a thousand failures at once",
        policies: [retry(2, { fixedMs: 100 }, { budget: { ratio: 0.2, perSecond: 0 } })],
        steps: [
          { call: "a", work: "fail", times: 1_000 },
          { advance: 1_000 },
          { expect: { otherwise: "more than the budget", attempts: { of: "a", are: { atMost: 1_200 } } } },
          {
            expect: { otherwise: "the budget gives nothing", attempts: { of: "a", are: { atLeast: 1_190 } } },
          },
        ],
      },
    ],
  },
  {
    id: "T30",
    title: "A hedge without budget hangs the call",
    meaning: "When no hedge may be sent, the call still ends with its first attempt's result.",
    cases: [
      {
        name: "no room for a hedge",
        policies: [{ kind: "hedge", afterMs: 50, budget: { ratio: 0, perSecond: 1 } }],
        steps: [
          { call: "spends", work: { afterMs: 100, as: "ok" }, times: 100 },
          { advance: 100 },
          { expect: { otherwise: "hedges nothing", attempts: { of: "spends", are: { atLeast: 101 } } } },
          { call: "a", work: { afterMs: 200, as: "ok" } },
          { call: "b", work: { afterMs: 200, as: "fail" } },
          { advance: 300 },
          { expect: { otherwise: "the answer is lost", outcome: { of: "a", is: "ok" } } },
          { expect: { otherwise: "the failure is lost", outcome: { of: "b", is: "failed" } } },
          { expect: { otherwise: "hedges without room", attempts: { of: "a", are: 1 } } },
        ],
      },
      {
        name: "the hedge fails first",
        policies: [{ kind: "hedge", afterMs: 50, budget: { ratio: 1, perSecond: 10 } }],
        steps: [
          {
            call: "a",
            work: [
              { afterMs: 200, as: "ok" },
              { afterMs: 10, as: "fail" },
            ],
          },
          { advance: 300 },
          { expect: { otherwise: "a failed hedge ended the call", outcome: { of: "a", is: "ok" } } },
        ],
      },
    ],
  },
  {
    id: "T32",
    title: "Own rejections are retried",
    meaning: "An open breaker's rejection ends the call at once; waiting to be rejected again helps nobody.",
    cases: [
      {
        name: "retry around an open breaker",
        policies: [retry(3, { fixedMs: 50 }), breaker],
        steps: [
          { call: "trips", work: "fail", times: 10 },
          { advance: 10_000 },
          { expect: { otherwise: "did not open", state: "open" } },
          { call: "a", work: "ok" },
          { expect: { otherwise: "waits to be rejected again", outcome: { of: "a", is: "rejected" } } },
        ],
      },
      {
        name: "by default",
        aside: true,
        policies: [retry(3, { fixedMs: 50 }, { filter: "default" }), breaker],
        steps: [
          { call: "trips", work: "fail", times: 10 },
          { advance: 10_000 },
          { expect: { otherwise: "did not open", state: "open" } },
          { call: "a", work: "ok" },
          { expect: { otherwise: "waits to be rejected again", outcome: { of: "a", is: "rejected" } } },
        ],
      },
    ],
  },
];

import type { Trap } from "../script/format.ts";
import { breaker, limit, openForMs, trip } from "./setups.ts";

export const counting: readonly Trap[] = [
  {
    id: "T6",
    title: "A time window does not expire while idle",
    meaning: "Failures from before an idle hour must not count in a window of five seconds.",
    cases: [
      {
        name: "an idle hour",
        policies: [{ ...breaker, window: { ms: 5_000 }, minimumCalls: 10 }],
        steps: [
          { repeat: 8, steps: [{ call: "before", work: "fail" }] },
          { expect: { otherwise: "opens below the minimum of calls", state: "closed" } },
          { advance: 3_600_000 },
          { repeat: 2, steps: [{ call: "after", work: "fail" }] },
          { expect: { otherwise: "failures of an hour ago opened it", state: "closed" } },
          { repeat: 10, steps: [{ call: "now", work: "fail" }] },
          { expect: { otherwise: "ten failures of now do not open it", state: "open" } },
        ],
      },
    ],
  },
  {
    id: "T7",
    title: "Thresholds at their edges",
    meaning:
      "A threshold of 100 % is reached when everything fails, and nothing opens below the minimum of calls.",
    cases: [
      {
        name: "100 %",
        policies: [{ ...breaker, failureRatio: 1, minimumCalls: 10 }],
        steps: [
          { repeat: 9, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "opens below the minimum of calls", state: "closed" } },
          { call: "fails", work: "fail" },
          { expect: { otherwise: "100 % failures do not open it", state: "open" } },
        ],
      },
      {
        name: "above half",
        policies: [{ ...breaker, minimumCalls: 10 }],
        steps: [
          { repeat: 4, steps: [{ call: "ok", work: "ok" }] },
          { repeat: 6, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "6 of 10 do not open a breaker of 50 %", state: "open" } },
        ],
      },
      {
        name: "below half",
        policies: [{ ...breaker, minimumCalls: 10 }],
        steps: [
          { repeat: 6, steps: [{ call: "ok", work: "ok" }] },
          { repeat: 4, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "4 of 10 open a breaker of 50 %", state: "closed" } },
        ],
      },
    ],
  },
  {
    id: "T8",
    title: "Own rejections in the rate",
    meaning:
      "Calls that a limit or the breaker itself turned away say nothing about the other side: they must neither open the breaker nor dilute its rate.",
    cases: [
      {
        name: "a full limit does not open it",
        policies: [breaker, limit(1)],
        steps: [
          { call: "slow", work: "manual" },
          { call: "crowd", work: "ok", times: 30 },
          { expect: { otherwise: "own rejections opened it", state: "closed" } },
        ],
      },
      {
        name: "a full limit does not hide failures",
        policies: [{ ...breaker, window: { calls: 20 } }, limit(1)],
        steps: [
          { call: "slow", work: "manual" },
          { call: "crowd", work: "ok", times: 40 },
          { settle: "slow", as: "ok" },
          { repeat: 20, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "20 of 20 failures stay unseen among own rejections", state: "open" } },
        ],
      },
    ],
  },
  {
    id: "T33",
    title: "The rejection's error grows",
    meaning: "The thousandth rejection is as small as the first: no chain of causes, no growing stack.",
    cases: [
      {
        name: "a thousand rejections",
        policies: [breaker],
        steps: [
          ...trip,
          { call: "first", work: "ok" },
          { repeat: 10, steps: [{ call: "more", work: "ok", times: 100 }] },
          { call: "last", work: "ok" },
          { expect: { otherwise: "is let through", outcome: { of: "last", is: "rejected" } } },
          { expect: { otherwise: "the error grows", errorChain: { first: "first", last: "last" } } },
        ],
      },
      {
        name: "ten openings",
        policies: [breaker],
        steps: [
          ...trip,
          { call: "first", work: "ok" },
          { repeat: 10, steps: [{ advance: openForMs + 1 }, { call: "probe", work: "fail" }] },
          { call: "last", work: "ok" },
          { expect: { otherwise: "is let through", outcome: { of: "last", is: "rejected" } } },
          { expect: { otherwise: "the error grows", errorChain: { first: "first", last: "last" } } },
        ],
      },
    ],
  },
  {
    id: "T34",
    title: "Statistics without a bound",
    meaning:
      "A busy window costs the same memory however many calls fall into it, and its figures stay readable.",
    cases: [
      {
        name: "count window",
        policies: [{ ...breaker, minimumCalls: 10 }],
        steps: [
          { expect: { otherwise: "memory grows", heldPerCall: { calls: 30_000, atMostBytes: 5 } } },
          { expect: { otherwise: "cannot be read", readable: true } },
        ],
      },
      {
        name: "time window",
        policies: [{ ...breaker, window: { ms: 10_000 }, minimumCalls: 10 }],
        steps: [
          { expect: { otherwise: "memory grows", heldPerCall: { calls: 30_000, atMostBytes: 5 } } },
          { advance: 1_000 },
          { load: 100, work: "ok" },
          { expect: { otherwise: "cannot be read", readable: true } },
        ],
      },
    ],
  },
  {
    id: "T35",
    title: "A business no is not a failure, and not nothing",
    meaning:
      "A declined card is a timely answer: it counts as a success for health, in the rate and as a probe. Ignoring it starves half-open and inflates the rate.",
    cases: [
      {
        name: "refusals count as calls",
        policies: [{ ...breaker, window: { calls: 20 } }],
        steps: [
          {
            repeat: 3,
            steps: [
              { call: "declined", work: "refuse", times: 5 },
              { call: "fails", work: "fail" },
            ],
          },
          { repeat: 2, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "5 failures among 15 business answers opened it", state: "closed" } },
        ],
      },
      {
        name: "a refused probe closes",
        policies: [breaker],
        steps: [
          ...trip,
          { advance: openForMs + 1 },
          { call: "probe", work: "refuse" },
          { expect: { otherwise: "the business answer is lost", outcome: { of: "probe", is: "refused" } } },
          { expect: { otherwise: "a business answer does not close it", state: "closed" } },
        ],
      },
    ],
  },
];

import type { Step, Trap } from "../script/format.ts";
import { breaker, openForMs, trip, tripAndWait } from "./setups.ts";

const lateWhileProbing = (as: "ok" | "fail"): readonly Step[] => [
  { call: "slow", work: "manual" },
  ...tripAndWait,
  { call: "probe", work: "manual" },
  { expect: { otherwise: "no probe is let through", attempts: { of: "probe", are: 1 } } },
  { settle: "slow", as },
  { expect: { otherwise: `a late ${as === "ok" ? "success" : "failure"} moved it`, state: "halfOpen" } },
  { settle: "probe", as: "ok" },
  { expect: { otherwise: "the probe does not decide", state: "closed" } },
];

/** Whatever a probe ends with, its place must be free again, and only success closes. */
const probeEnds = (ending: readonly Step[], then: "closed" | "notClosed"): readonly Step[] => [
  ...tripAndWait,
  ...ending,
  ...(then === "closed"
    ? []
    : ([
        { advance: openForMs + 1 },
        { callUntilStarted: "next", work: "ok", everyMs: 1_000, forMs: 600_000 },
      ] as const)),
  { expect: { otherwise: "a successful probe does not close it", state: "closed" } },
];

export const halfOpen: readonly Trap[] = [
  {
    id: "T1",
    title: "A stale outcome moves the breaker",
    meaning: "A call that started before the breaker opened must not decide when it ends during half-open.",
    cases: [
      { name: "late failure", policies: [breaker], steps: lateWhileProbing("fail") },
      { name: "late success", policies: [breaker], steps: lateWhileProbing("ok") },
      {
        name: "late failure after closing",
        policies: [{ ...breaker, minimumCalls: 1, window: { calls: 1 } }],
        steps: [
          { call: "slow", work: "manual" },
          ...tripAndWait,
          { call: "probe", work: "ok" },
          { expect: { otherwise: "the probe does not decide", state: "closed" } },
          { settle: "slow", as: "fail" },
          { expect: { otherwise: "a failure from before the outage opened it again", state: "closed" } },
        ],
      },
    ],
  },
  {
    id: "T2",
    title: "A late success resets failures in a row",
    meaning:
      "In a row by start or by end? Both are defensible, so the documentation must say which: here a slow call from before two failures succeeds, and a third failure follows.",
    choice: true,
    cases: [
      {
        name: "by order of completion",
        policies: [{ ...breaker, window: { inARow: 3 } }],
        steps: [
          { call: "slow", work: "manual" },
          { repeat: 2, steps: [{ call: "fails", work: "fail" }] },
          { settle: "slow", as: "ok" },
          { call: "fails", work: "fail" },
          { expect: { otherwise: "counts by order of start", state: "closed" } },
          { repeat: 2, steps: [{ call: "fails", work: "fail" }] },
          { expect: { otherwise: "three in a row do not open it", state: "open" } },
        ],
      },
    ],
  },
  {
    id: "T3",
    title: "A hung probe wedges half-open",
    meaning: "A probe that never answers must give its place to another call after a bounded time.",
    cases: [
      {
        name: "hung probe",
        policies: [breaker],
        steps: [
          ...tripAndWait,
          { call: "hung", work: "deaf" },
          { expect: { otherwise: "no probe is let through", attempts: { of: "hung", are: 1 } } },
          { callUntilStarted: "next", work: "manual", everyMs: 10_000, forMs: 3_600_000 },
          { settle: "hung", as: "fail" },
          { expect: { otherwise: "the late end of the hung probe moved it", state: "halfOpen" } },
          { settle: "next", as: "ok" },
          { expect: { otherwise: "the new probe does not decide", state: "closed" } },
        ],
      },
    ],
  },
  {
    id: "T4",
    title: "A permit is not given back",
    meaning:
      "A probe that is aborted, throws at once, is refused or is turned away inside must free its place, and only a success may close.",
    cases: [
      {
        name: "probe succeeds",
        policies: [breaker],
        steps: probeEnds([{ call: "probe", work: "ok" }], "closed"),
      },
      {
        name: "probe throws at once",
        policies: [breaker],
        steps: probeEnds(
          [
            { call: "probe", work: "throws" },
            { expect: { otherwise: "a probe that throws at once is no failure", state: "open" } },
          ],
          "notClosed",
        ),
      },
      {
        name: "probe is aborted",
        policies: [breaker],
        steps: probeEnds(
          [
            { call: "probe", work: "manual", signal: "caller" },
            { abort: "caller" },
            { expect: { otherwise: "an aborted probe decided", state: "halfOpen" } },
          ],
          "notClosed",
        ),
      },
      {
        name: "probe is turned away by an inner limit",
        policies: [
          { ...breaker, probes: 2 },
          { kind: "limit", calls: 2 },
        ],
        steps: [
          // Holds one of the two slots all along.
          { call: "holder", work: "deaf" },
          ...tripAndWait,
          { call: "first", work: "manual" },
          { call: "second", work: "ok" },
          { expect: { otherwise: "an own rejection decided", state: "halfOpen" } },
          { settle: "first", as: "ok" },
          { call: "third", work: "ok" },
          { expect: { otherwise: "an own rejection kept the place of a probe", state: "closed" } },
        ],
      },
      {
        name: "slot after a throw at once",
        policies: [{ kind: "limit", calls: 1 }],
        steps: [
          { repeat: 3, steps: [{ call: "throws", work: "throws" }] },
          { call: "next", work: "manual" },
          {
            expect: { otherwise: "the slot of a throw is not given back", attempts: { of: "next", are: 1 } },
          },
        ],
      },
    ],
  },
  {
    id: "T5",
    title: "More probes than allowed",
    meaning: "However calls end, never more probes run at a time than the option says.",
    cases: [
      {
        name: "crowd of probes",
        policies: [{ ...breaker, probes: 2 }],
        steps: [
          { call: "slow", work: "manual", signal: "slow" },
          ...tripAndWait,
          { call: "probe", work: "deaf", times: 10, signal: "probes" },
          { expect: { otherwise: "too many probes", running: { atMost: 3 } } },
          { abort: "slow" },
          { call: "more", work: "deaf", times: 10 },
          { expect: { otherwise: "the end of an older call made room for a probe", running: { atMost: 2 } } },
        ],
      },
    ],
  },
  {
    id: "T9",
    title: "Half-open meets the minimum of calls",
    meaning:
      "Probes decide by themselves; a minimum of calls must not keep half-open from closing or opening.",
    cases: [
      {
        name: "minimum above the probes",
        policies: [breaker],
        steps: [
          ...tripAndWait,
          { call: "probe", work: "fail" },
          { expect: { otherwise: "a failed probe does not open it", state: "open" } },
          { advance: openForMs + 1 },
          { call: "probe", work: "ok" },
          { expect: { otherwise: "a successful probe does not close it", state: "closed" } },
          { call: "one", work: "fail" },
          { expect: { otherwise: "a single failure after closing opens it", state: "closed" } },
        ],
      },
    ],
  },
  {
    id: "T10",
    title: "Failures at the same time cancel the way back",
    meaning: "Six calls that fail at once must open the breaker once, and it must become half-open.",
    cases: [
      {
        name: "six at once",
        policies: [breaker],
        steps: [
          { call: "burst", work: "manual", times: 6 },
          { settle: "burst", as: "fail" },
          { expect: { otherwise: "did not open", state: "open" } },
          { advance: openForMs + 1 },
          { callUntilStarted: "probe", work: "ok", everyMs: 1_000, forMs: 60_000 },
          { expect: { otherwise: "the probe does not close it", state: "closed" } },
        ],
      },
    ],
  },
  {
    id: "T11",
    title: "A herd waits for the probe",
    meaning:
      "Callers during half-open are rejected or wait in a bounded queue they can leave; recovery must not let a thousand through at once.",
    cases: [
      {
        name: "a thousand callers",
        policies: [breaker],
        steps: [
          ...tripAndWait,
          { call: "probe", work: "manual" },
          { call: "crowd", work: "manual", times: 1_000 },
          { settle: "probe", as: "ok" },
          { expect: { otherwise: "the herd runs at once", running: { atMost: 100 } } },
        ],
      },
      {
        name: "callers who leave",
        policies: [breaker],
        steps: [
          ...tripAndWait,
          { call: "probe", work: "manual" },
          { call: "crowd", work: "manual", times: 10, signal: "caller" },
          { abort: "caller" },
          { expect: { otherwise: "an abort is ignored", calls: { of: "crowd", with: "waiting", are: 0 } } },
        ],
        needs: ["abortOfWaits"],
      },
    ],
  },
  {
    id: "T31",
    title: "Snapshot and restore",
    meaning:
      "A state that went through JSON must go on where it was: open stays open for the rest of its time.",
    cases: [
      {
        name: "open",
        policies: [breaker],
        steps: [
          ...trip,
          { advance: 10_000 },
          { restore: true },
          { call: "early", work: "ok" },
          {
            expect: {
              otherwise: "an open breaker is restored closed",
              outcome: { of: "early", is: "rejected" },
            },
          },
          { advance: 20_001 },
          { callUntilStarted: "probe", work: "ok", everyMs: 1_000, forMs: openForMs },
          { expect: { otherwise: "the probe does not close it", state: "closed" } },
        ],
        needs: ["restore"],
      },
      {
        name: "counts",
        policies: [breaker],
        steps: [
          { repeat: 4, steps: [{ call: "before", work: "fail" }] },
          { restore: true },
          { call: "fifth", work: "fail" },
          { expect: { otherwise: "the counts are lost", state: "open" } },
        ],
        needs: ["restore"],
      },
    ],
  },
];

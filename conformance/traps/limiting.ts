import type { Case, Trap } from "../script/format.ts";
import { limit, queued, timeout } from "./setups.ts";

/** The newcomers arrive so many microtasks after the slot was given back. */
const overtaking = (microtasks: number): Case => ({
  name: `newcomers ${microtasks} microtasks after the release`,
  policies: [queued(1, 1)],
  steps: [
    { call: "a", work: "manual" },
    { call: "waiter", work: "manual" },
    {
      atOnce: [{ settle: "a", as: "ok" }, { microtasks }, { call: "newcomer", work: "manual", times: 2 }],
    },
    { expect: { otherwise: "the waiter was turned away", outcome: { of: "waiter", is: "waiting" } } },
    { expect: { otherwise: "a newcomer came first", attempts: { of: "waiter", are: 1 } } },
    { expect: { otherwise: "too many run", mostRunning: { atMost: 1 } } },
  ],
});

export const limiting: readonly Trap[] = [
  {
    id: "T13",
    title: "A slot is freed while its work still runs",
    meaning: "After a timeout the work may go on; its slot must stay taken, or more run than the limit says.",
    cases: [
      {
        name: "work that does not stop",
        policies: [limit(1), timeout(100)],
        steps: [
          { call: "a", work: "deaf" },
          { advance: 101 },
          {
            expect: { otherwise: "the caller is not answered in time", outcome: { of: "a", is: "timedOut" } },
          },
          { repeat: 3, steps: [{ call: "b", work: "deaf" }, { advance: 101 }] },
          { expect: { otherwise: "more run than the limit of 1", mostRunning: { atMost: 1 } } },
          { settle: "a", as: "ok" },
          { call: "c", work: "manual" },
          { expect: { otherwise: "the slot does not come back", attempts: { of: "c", are: 1 } } },
        ],
      },
    ],
  },
  {
    id: "T14",
    title: "A waiter who left keeps its place",
    meaning: "An aborted waiter is answered at once and its place in the queue is free at once.",
    cases: [
      {
        name: "abort in the queue",
        policies: [queued(1, 1)],
        steps: [
          { call: "a", work: "manual" },
          { call: "leaves", work: "manual", signal: "caller" },
          { expect: { otherwise: "runs beyond the limit", running: 1 } },
          { abort: "caller" },
          { expect: { otherwise: "the abort is ignored", outcome: { of: "leaves", is: "aborted" } } },
          { call: "comes", work: "manual" },
          { expect: { otherwise: "no place in an empty queue", outcome: { of: "comes", is: "waiting" } } },
          { settle: "a", as: "ok" },
          { expect: { otherwise: "the permit is lost", attempts: { of: "comes", are: 1 } } },
          { settle: "comes", as: "ok" },
          { call: "last", work: "manual" },
          { expect: { otherwise: "the permit is lost", attempts: { of: "last", are: 1 } } },
        ],
        needs: ["abortOfWaits"],
      },
    ],
  },
  {
    id: "T15",
    title: "A waiter is overtaken",
    meaning: "A freed slot is handed to the waiter directly; newcomers in the same instant come after it.",
    cases: [0, 1, 2, 3, 4, 5, 6, 8].map(overtaking),
  },
  {
    id: "T16",
    title: "A permit is given back twice, or never",
    meaning: "However calls end, a limit of two lets exactly two run.",
    cases: [
      {
        name: "timeout, abort and end at the same instant",
        policies: [limit(2), timeout(100)],
        steps: [
          {
            repeat: 5,
            steps: [
              { call: "a", work: { afterMs: 100, as: "ok" }, signal: "caller" },
              { call: "b", work: "fail" },
              { call: "c", work: "throws" },
              { advance: 100 },
              { atOnce: [{ settle: "a", as: "ok" }] },
            ],
          },
          {
            atOnce: [
              { call: "left", work: "manual", signal: "leaves" },
              { abort: "leaves" },
              { settle: "left", as: "fail" },
            ],
          },
          { advance: 1_000 },
          { call: "crowd", work: "deaf", times: 10 },
          { expect: { otherwise: "not two of two run", running: 2 } },
        ],
      },
    ],
  },
];

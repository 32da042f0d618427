import type { Trap } from "../script/format.ts";
import { timeout } from "./setups.ts";

export const timing: readonly Trap[] = [
  {
    id: "T18",
    title: "A late failure is an unhandled rejection",
    meaning: "Work that fails after its caller was answered by the timeout must not end the process.",
    cases: [
      {
        name: "fails after the timeout",
        policies: [timeout(100)],
        steps: [
          { call: "a", work: { afterMs: 200, as: "fail", deaf: true }, times: 5 },
          { advance: 300 },
          { expect: { otherwise: "not answered by the timeout", outcome: { of: "a1", is: "timedOut" } } },
          { expect: { otherwise: "ends the process", unhandledRejections: 0 } },
        ],
      },
    ],
  },
  {
    id: "T19",
    title: "An abort is reported as a timeout",
    meaning:
      "A caller who leaves after 10 ms did not see a timeout of 5 s; metrics and errors must tell them apart.",
    cases: [
      {
        name: "abort at 10 ms of 5 s",
        policies: [timeout(5_000)],
        steps: [
          { call: "a", work: "manual", signal: "caller" },
          { advance: 10 },
          { abort: "caller" },
          { expect: { otherwise: "the abort has another name", outcome: { of: "a", is: "aborted" } } },
        ],
      },
      {
        name: "work that does not stop",
        policies: [timeout(5_000)],
        steps: [
          { call: "a", work: "deaf", signal: "caller" },
          { advance: 10 },
          { abort: "caller" },
          { expect: { otherwise: "the abort has another name", outcome: { of: "a", is: "aborted" } } },
        ],
        needs: ["abortOfWaits"],
      },
      {
        name: "a timeout is a timeout",
        policies: [timeout(50)],
        steps: [
          { call: "a", work: "manual", signal: "caller" },
          { advance: 51 },
          { expect: { otherwise: "the timeout has another name", outcome: { of: "a", is: "timedOut" } } },
        ],
      },
    ],
  },
  {
    id: "T20",
    title: "The signal aborts after success",
    meaning: "A response's body is read after the call has returned; aborting the signal then destroys it.",
    cases: [
      {
        name: "after success",
        policies: [timeout(5_000)],
        steps: [
          { call: "a", work: { afterMs: 10, as: "ok" } },
          { advance: 20 },
          { expect: { otherwise: "does not answer", outcome: { of: "a", is: "ok" } } },
          {
            expect: {
              otherwise: "a good answer is aborted on return",
              workSignal: { of: "a", aborted: false },
            },
          },
          { advance: 10_000 },
          {
            expect: { otherwise: "a good answer is aborted later", workSignal: { of: "a", aborted: false } },
          },
        ],
        needs: ["workSignal"],
      },
      {
        name: "by default",
        aside: true,
        policies: [{ kind: "timeout", ms: 5_000, byDefault: true }],
        steps: [
          { call: "a", work: { afterMs: 10, as: "ok" } },
          { advance: 20 },
          {
            expect: {
              otherwise: "a good answer is aborted on return",
              workSignal: { of: "a", aborted: false },
            },
          },
        ],
        needs: ["workSignal"],
      },
    ],
  },
  {
    id: "T21",
    title: "One abort controller for all calls",
    meaning: "The timeout of one call must not abort another one, nor the next.",
    cases: [
      {
        name: "two calls and a third",
        policies: [timeout(100)],
        steps: [
          { call: "hangs", work: "manual" },
          { advance: 50 },
          { call: "healthy", work: "manual" },
          { advance: 51 },
          {
            expect: { otherwise: "did not time out", outcome: { of: "hangs", is: ["timedOut", "aborted"] } },
          },
          {
            expect: {
              otherwise: "the timeout of one call aborted a healthy one",
              workSignal: { of: "healthy", aborted: false },
            },
          },
          { call: "next", work: "manual" },
          {
            expect: { otherwise: "the next call starts aborted", workSignal: { of: "next", aborted: false } },
          },
        ],
        needs: ["workSignal"],
      },
    ],
  },
];

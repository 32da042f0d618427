import { type Effect, Failure, type FailureKind } from "@outrigger/core";
import { expect, test } from "vitest";
import { HttpFailure } from "../failure.ts";
import { RedundancyFailure } from "../redundancy/redundancy-failure.ts";
import { answering, type ProblemRules, problemOf, problemOfError, problemSettings } from "./problem.ts";

const plain = problemSettings({});

function failure(code: string, kind: FailureKind, effect: Effect, retryAfterMs?: number): Failure {
  return new Failure("inner words: key sk_live_1", { code, kind, effect, retryAfterMs });
}

const answer = (given: Failure, settled?: { location?: string }, rules: ProblemRules = {}) =>
  problemOf(given, problemSettings(rules), settled);

test.each<[code: string, kind: FailureKind, effect: Effect, status: number, settledStatus: number]>([
  ["BREAKER_OPEN", "rejected", "none", 503, 503],
  ["QUEUE_FULL", "rejected", "none", 503, 503],
  ["QUEUE_TIMEOUT", "rejected", "none", 503, 503],
  ["LIMIT_REACHED", "rejected", "none", 503, 503],
  ["RATE_LIMITED", "rejected", "none", 503, 503],
  ["LOAD_SHED", "rejected", "none", 503, 503],
  ["POOL_FULL", "rejected", "none", 503, 503],
  ["NO_PROVIDER", "rejected", "none", 503, 503],
  ["PROVIDER_DRAINED", "rejected", "unknown", 503, 202],
  ["KEY_IN_USE", "rejected", "unknown", 409, 202],
  ["KEY_REUSED", "rejected", "none", 422, 422],
  ["IDEMPOTENCY_KEY_REUSED", "rejected", "none", 422, 422],
  ["INTEGRATION_CLOSED", "aborted", "none", 503, 503],
  ["CALL_ABORTED", "aborted", "unknown", 503, 202],
  ["DEADLINE_EXCEEDED", "failed", "none", 504, 504],
  ["DEADLINE_EXCEEDED", "failed", "unknown", 504, 202],
  ["ATTEMPT_TIMEOUT", "failed", "unknown", 504, 202],
  ["CONNECT_TIMEOUT", "failed", "none", 504, 504],
  ["READ_TIMEOUT", "failed", "unknown", 504, 202],
  ["HTTP_504", "failed", "none", 504, 504],
  ["CONNECTION_LOST", "failed", "unknown", 502, 202],
  ["CONNECT_FAILED", "failed", "none", 502, 502],
  ["RESPONSE_INVALID", "failed", "done", 502, 202],
  ["HTTP_500", "failed", "unknown", 502, 202],
  ["HTTP_402", "refused", "none", 502, 502],
  ["HTTP_422", "refused", "unknown", 502, 202],
  ["ANYBODY_S_OWN", "failed", "none", 502, 502],
])(
  "%s (%s, effect %s) is answered with %i, and with %i while it is settled",
  (code, kind, effect, status, settled) => {
    const bare = answer(failure(code, kind, effect));
    const being = answer(failure(code, kind, effect), { location: "/orders/1" });
    expect([bare.status, being.status]).toEqual([status, settled]);
    for (const each of [bare, being]) {
      expect(each.problem).toMatchObject({ type: "about:blank", status: each.status, effect });
      expect(each.headers["content-type"]).toBe("application/problem+json");
      expect(JSON.stringify(each)).not.toMatch(/inner words|sk_live|ANYBODY/);
    }
    expect(being.headers["location"]).toBe(effect === "none" ? undefined : "/orders/1");
    expect(bare.headers["location"]).toBeUndefined();
  },
);

test("a request that cannot be sent as given is a mistake of this service, and says nothing of it", () => {
  const invalid = new Failure("json cannot be written", {
    code: "REQUEST_INVALID",
    kind: "rejected",
    effect: "none",
    transient: false,
  });
  expect(answer(invalid)).toMatchObject({ status: 500, problem: { title: "Internal error" } });
  expect(answer(invalid).headers["retry-after"]).toBeUndefined();
});

test("a closed integration is a service that stops, and its caller may come back to another instance", () => {
  const closed = new Failure("closed", {
    code: "INTEGRATION_CLOSED",
    kind: "rejected",
    effect: "none",
    transient: false,
  });
  expect(answer(closed)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
});

test.each<[ms: number | undefined, seconds: string]>([
  [undefined, "1"],
  [0, "1"],
  [1, "1"],
  [1_000, "1"],
  [1_000.4, "2"],
  [29_001, "30"],
  [Number.POSITIVE_INFINITY, "604800"],
  [Number.NaN, "1"],
  [-5, "1"],
])("a wait of %s ms is told as %s whole seconds", (ms, seconds) => {
  expect(answer(failure("BREAKER_OPEN", "rejected", "none", ms)).headers["retry-after"]).toBe(seconds);
});

test("a provider's own wait is passed on with 502 and 504; where there is none, none is made up", () => {
  expect(answer(failure("HTTP_503", "failed", "none", 5_000)).headers["retry-after"]).toBe("5");
  expect(answer(failure("HTTP_503", "failed", "none")).headers["retry-after"]).toBeUndefined();
  expect(answer(failure("READ_TIMEOUT", "failed", "unknown")).headers["retry-after"]).toBeUndefined();
  expect(answer(failure("READ_TIMEOUT", "failed", "unknown"), {}).headers["retry-after"]).toBe("1");
  const patient = answer(failure("LIMIT_REACHED", "rejected", "none"), undefined, { retryAfter: "1500ms" });
  expect(patient.headers["retry-after"]).toBe("2");
});

test("an address that no header can carry is left out", () => {
  for (const location of ["/a\r\nset-cookie: x=1", "/ü", "", "/a b"]) {
    const { headers, problem } = answer(failure("READ_TIMEOUT", "failed", "unknown"), { location });
    expect([headers["location"], problem.location, headers["retry-after"]]).toEqual([
      undefined,
      undefined,
      "1",
    ]);
  }
});

test("what a code means to our own callers can be said", () => {
  const byCode = { HTTP_402: { status: 402, title: "Card declined", type: "https://shop.example/declined" } };
  expect(answer(failure("HTTP_402", "refused", "none"), undefined, { byCode })).toMatchObject({
    status: 402,
    problem: {
      status: 402,
      title: "Card declined",
      type: "https://shop.example/declined",
      detail: "Nothing was changed.",
    },
  });
});

test("a provider's own code can be given an answer, also through a redundant integration", () => {
  const of = { effect: "none", kind: "refused", integration: "toss", operation: "confirm" } as const;
  const refused = new HttpFailure("x", { ...of, code: "HTTP_403", providerCode: "REJECT_CARD_COMPANY" });
  const outer = new RedundancyFailure("x", { ...of, code: "HTTP_403", cause: refused });
  const byCode = { HTTP_403: { status: 500 }, REJECT_CARD_COMPANY: { status: 402 } };
  expect([refused, outer].map((each) => answer(each, undefined, { byCode }).status)).toEqual([402, 402]);
  expect(answer(refused, undefined, { byCode: { HTTP_403: { status: 418 } } }).status).toBe(418);
});

test("code and message are shown only to whom it is said that they may be", () => {
  const given = failure("BREAKER_OPEN", "rejected", "none");
  expect(answer(given).problem).not.toHaveProperty("code");
  expect(answer(given, undefined, { show: ["code"] }).problem.code).toBe("BREAKER_OPEN");
  expect(answer(given, undefined, { show: ["code"] }).problem).not.toHaveProperty("message");
  expect(answer(given, undefined, { show: ["message"] }).problem.message).toBe(given.message);
});

test("an error that is not ours has no answer", () => {
  for (const error of [new Error("x"), undefined, "x", { code: "BREAKER_OPEN", effect: "none" }]) {
    expect(problemOfError(error, plain)).toBeUndefined();
  }
});

test("failures of the transport and of a second install are ours", () => {
  const http = new HttpFailure("x", {
    code: "READ_TIMEOUT",
    effect: "unknown",
    integration: "toss",
    operation: "pay",
  });
  const foreign = Object.assign(new Error("x"), {
    ...failure("BREAKER_OPEN", "rejected", "none"),
    [Symbol.for("outrigger.failure")]: true,
  });
  expect(problemOfError(http, plain)?.status).toBe(504);
  expect(JSON.stringify(problemOfError(http, plain))).not.toContain("toss");
  expect(problemOfError(foreign, plain)?.status).toBe(503);
});

test("whoever says what is settled is asked only where something may have been done, and cannot spoil the answer", () => {
  const asked: string[] = [];
  const answerTo = answering<string>({
    settled: ({ code }, request) => {
      asked.push(`${code} ${request}`);
      throw new Error("no such order");
    },
    onFailure: () => {
      throw new Error("the log is full");
    },
  });
  expect(answerTo(failure("READ_TIMEOUT", "failed", "unknown"), "r1")?.status).toBe(504);
  expect(answerTo(failure("CONNECT_TIMEOUT", "failed", "none"), "r2")?.status).toBe(504);
  expect(asked).toEqual(["READ_TIMEOUT r1"]);
});

test("a wrong option is named where it is given", () => {
  const rules = (given: unknown) => () => problemSettings(given as ProblemRules);
  expect(rules({ retryafter: "1s" })).toThrow('did you mean "retryAfter"?');
  expect(rules({ retryAfter: 1 })).toThrow("problems.retryAfter");
  expect(rules({ show: ["cause"] })).toThrow('problems.show must be a list of "code" and "message"');
  expect(rules({ byCode: { X: { status: 99 } } })).toThrow("problems.byCode.X.status must be a whole number");
  expect(rules({ byCode: { X: { titel: "x" } } })).toThrow('did you mean "title"?');
  expect(() => answering({ settled: true as never })).toThrow("problems.settled must be a function");
});

import { expect, test } from "vitest";
import { Failure, type FailureKind, verdictOf, worseEffect } from "./failure.ts";

test("a failure says its code, effect and cause, and is an Error", () => {
  const cause = new Error("reset");
  const failure = new Failure("no answer", { code: "READ_TIMEOUT", effect: "unknown", cause });
  expect(failure).toBeInstanceOf(Error);
  expect(failure).toMatchObject({
    name: "Failure",
    message: "no answer",
    code: "READ_TIMEOUT",
    effect: "unknown",
    kind: "failed",
    transient: true,
    retryAfterMs: undefined,
    cause,
  });
});

test("a failure without a cause has none, rather than an undefined one", () => {
  expect("cause" in new Failure("x", { code: "X", effect: "none" })).toBe(false);
  expect("cause" in new Failure("x", { code: "X", effect: "none", cause: undefined })).toBe(true);
});

test.each<[FailureKind, boolean]>([
  ["failed", true],
  ["rejected", true],
  ["aborted", false],
  ["refused", false],
])("a failure that was %s is transient by default: %s", (kind, transient) => {
  expect(new Failure("x", { code: "X", effect: "none", kind }).transient).toBe(transient);
  expect(new Failure("x", { code: "X", effect: "none", kind, transient: !transient }).transient).toBe(
    !transient,
  );
});

test("a failure of a second install of the package is recognised", () => {
  const foreign = Object.assign(new Error("x"), { [Symbol.for("outrigger.failure")]: true });
  expect(Failure.is(foreign)).toBe(true);
  expect(Failure.is(new Failure("x", { code: "X", effect: "none" }))).toBe(true);
});

test.each([undefined, null, 0, "x", new Error("x"), {}])("%s is not a failure", (value) => {
  expect(Failure.is(value)).toBe(false);
});

test("the brand does not show up when a failure is logged or copied", () => {
  expect(Object.getOwnPropertySymbols({ ...new Failure("x", { code: "X", effect: "none" }) })).toEqual([]);
});

test("of two effects the worse one stands for both", () => {
  const effects = ["none", "unknown", "done"] as const;
  const table = effects.map((a) => effects.map((b) => worseEffect(a, b)));
  expect(table).toEqual([
    ["none", "unknown", "done"],
    ["unknown", "unknown", "done"],
    ["done", "done", "done"],
  ]);
});

test("an error that carries no facts may have had an effect and may be passing", () => {
  for (const error of [new Error("x"), "x", undefined, { code: "ECONNRESET" }]) {
    expect(verdictOf(error)).toEqual({
      effect: "unknown",
      kind: "failed",
      transient: true,
      retryAfterMs: undefined,
    });
  }
});

test.each([TypeError, RangeError, ReferenceError, SyntaxError])(
  "a %o is a mistake, which no repetition mends, unless it has a cause",
  (Mistake) => {
    expect(verdictOf(new Mistake("x"))).toMatchObject({
      effect: "unknown",
      kind: "failed",
      transient: false,
    });
    expect(verdictOf(new Mistake("fetch failed", { cause: new Error("reset") })).transient).toBe(true);
  },
);

test("a failure is its own verdict", () => {
  const failure = new Failure("x", { code: "X", effect: "done", kind: "refused", retryAfterMs: 7 });
  expect(verdictOf(failure)).toMatchObject({
    effect: "done",
    kind: "refused",
    transient: false,
    retryAfterMs: 7,
  });
});

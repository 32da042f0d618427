import { Failure } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import { effectHeader, effectOf, failureOf, keepFailureOf } from "./effect-of.ts";

function failure(effect: "none" | "unknown" | "done"): Failure {
  return new Failure("it failed", { code: "READ_TIMEOUT", effect });
}

describe("the failure is found in what a client makes of it", () => {
  const inside = failure("none");
  test.each([
    ["itself", inside],
    ["as the cause", new Error("x", { cause: inside })],
    [
      "as the cause of the cause",
      new Error("x", { cause: new TypeError("fetch failed", { cause: inside }) }),
    ],
    ["as Stripe has it", { detail: { exception: inside } }],
    ["behind the reason of an abort", keepFailureOf(inside, new DOMException("x", "AbortError"))],
    ["behind the reason, as a cause", new Error("x", { cause: keepFailureOf(inside, new Error("gone")) })],
  ])("%s", (_where, error) => {
    expect(failureOf(error)).toBe(inside);
    expect(effectOf(error)).toBe("none");
  });
});

describe("without a failure the effect is found in the headers of the answer", () => {
  test.each([
    ["got and ky", { response: { headers: new Headers({ [effectHeader]: "none" }) } }],
    ["Stripe", { headers: { [effectHeader]: "none" } }],
    ["the AWS SDK", { $response: { headers: { [effectHeader]: "none" } } }],
    ["a wrapper of one of them", new Error("x", { cause: { headers: { [effectHeader]: "none" } } })],
  ])("%s", (_client, error) => {
    expect(effectOf(error)).toBe("none");
    expect(failureOf(error)).toBeUndefined();
  });
});

describe("what tells nothing is unknown", () => {
  const circle: { cause?: unknown } = {};
  circle.cause = circle;
  test.each([
    [undefined],
    [null],
    ["x"],
    [new Error("x")],
    [circle],
    [{ headers: null }],
    [{ headers: { [effectHeader]: "nonsense" } }],
    [{ response: { headers: new Headers() } }],
  ])("%o", (error) => {
    expect([effectOf(error), failureOf(error)]).toEqual(["unknown", undefined]);
  });
});

test("of several calls that one signal ended, the worst effect stands on its reason", () => {
  const reason = new Error("gone");
  keepFailureOf(failure("none"), reason);
  keepFailureOf(failure("unknown"), reason);
  keepFailureOf(failure("none"), reason);
  expect(effectOf(reason)).toBe("unknown");
});

test("a reason that can hold nothing stays what it is", () => {
  const frozen = Object.freeze(new Error("gone"));
  expect([keepFailureOf(failure("none"), "gone"), keepFailureOf(failure("none"), frozen)]).toEqual([
    "gone",
    frozen,
  ]);
  expect(effectOf(frozen)).toBe("unknown");
});

test("what is kept on a reason is not listed, so that no logger prints it twice", () => {
  const reason = Object.assign(new Error("gone"), { own: 1 });
  keepFailureOf(failure("none"), reason);
  expect(Object.keys(reason)).toEqual(["own"]);
});

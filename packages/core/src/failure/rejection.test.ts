import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Failure, verdictOf } from "./failure.ts";
import { rejection } from "./rejection.ts";

test("a rejection is an error and a failure like any other, without a stack trace", () => {
  const made = rejection(() => "no room", { code: "NO_ROOM", retryAfterMs: 250 });
  expect(made).toBeInstanceOf(Error);
  expect(made).toBeInstanceOf(Failure);
  expect(Failure.is(made)).toBe(true);
  expect({ ...made }).toEqual({
    code: "NO_ROOM",
    effect: "none",
    kind: "rejected",
    transient: true,
    retryAfterMs: 250,
  });
  expect(verdictOf(made)).toBe(made);
  expect([made.name, made.message, String(made)]).toEqual(["Failure", "no room", "Failure: no room"]);
  expect(made.stack).toBe("Failure: no room");
  expect(inspect(made)).toContain("no room");
  expect(() => {
    throw made;
  }).toThrow("no room");
});

test("its message is made when first read, once, and can be changed as loggers do", () => {
  let made = 0;
  const error = rejection(() => `made ${++made}`, { code: "CODE" });
  expect(made).toBe(0);
  expect([error.message, error.message]).toEqual(["made 1", "made 1"]);
  error.message = `checkout: ${error.message}`;
  expect(error.stack).toBe("Failure: checkout: made 1");
  error.stack = "mine";
  expect(error.stack).toBe("mine");
});

test("failures have a stack that says where they were made, and rejections none; the limit stays as it was", () => {
  const limit = Error.stackTraceLimit;
  expect(new Failure("failed", { code: "C", effect: "unknown" }).stack).toContain("rejection.test.ts");
  const rejected = new Failure("full", { code: "C", effect: "none", kind: "rejected" });
  expect(rejected.stack).not.toContain("rejection.test.ts");
  expect(Error.stackTraceLimit).toBe(limit);
});

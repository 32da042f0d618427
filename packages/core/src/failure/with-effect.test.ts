import { inspect, types } from "node:util";
import { expect, test } from "vitest";
import { type Call, execute, Failure, type FailureInit, fixed, pipeline, retry } from "../index.ts";
import { rejection } from "./rejection.ts";
import { withEffect } from "./with-effect.ts";

class ProviderFailure extends Failure {
  override readonly name: string = "ProviderFailure";
  readonly status: number;
  readonly #body: string;

  constructor(status: number, body: string, init: Partial<FailureInit> = {}) {
    super(`status ${status}`, { code: `HTTP_${status}`, effect: "none", ...init });
    this.status = status;
    this.#body = body;
    Object.defineProperty(this, Symbol.for("test.brand"), { value: true });
  }

  get body(): string {
    return this.#body;
  }
}

test("a copy keeps class, message, stack and fields, private ones included, and differs in the effect alone", () => {
  const original = new ProviderFailure(503, "try later", { retryAfterMs: 700, cause: new Error("reset") });
  const copy = withEffect(original, "unknown") as ProviderFailure;
  expect(copy).not.toBe(original);
  expect(copy).toBeInstanceOf(ProviderFailure);
  expect(Failure.is(copy) && types.isNativeError(copy)).toBe(true);
  expect(copy).toMatchObject({
    name: "ProviderFailure",
    message: "status 503",
    code: "HTTP_503",
    effect: "unknown",
    kind: "failed",
    transient: true,
    retryAfterMs: 700,
    status: 503,
    body: "try later",
  });
  expect([copy.cause, copy.stack, Symbol.for("test.brand") in copy]).toEqual([
    original,
    original.stack,
    true,
  ]);
  expect(original).toMatchObject({ effect: "none" });
  expect(Object.keys(copy).toSorted()).toEqual(Object.keys(original).toSorted());
  expect(JSON.parse(JSON.stringify(copy))).toEqual({
    ...JSON.parse(JSON.stringify(original)),
    effect: "unknown",
  });
  expect(inspect(copy)).toContain("status 503");
});

test("a frozen failure, and one that was made without a stack, are copied as well", () => {
  const frozen = Object.freeze(new ProviderFailure(500, "", { kind: "rejected" }));
  expect(withEffect(frozen, "done")).toMatchObject({ effect: "done", kind: "rejected", status: 500 });
  const cheap = rejection(() => "the door is shut", { code: "SHUT", retryAfterMs: 5 });
  const copy = withEffect(cheap, "unknown");
  expect(copy).toMatchObject({
    name: "Failure",
    message: "the door is shut",
    code: "SHUT",
    effect: "unknown",
    kind: "rejected",
    retryAfterMs: 5,
    cause: cheap,
  });
  expect(types.isNativeError(copy)).toBe(true);
  expect(copy.stack).toBe("Failure: the door is shut");
});

test("a copy of a copy says the last effect", () => {
  const twice = withEffect(
    withEffect(new ProviderFailure(503, "body"), "unknown"),
    "done",
  ) as ProviderFailure;
  expect(twice).toMatchObject({ effect: "done", body: "body", status: 503 });
});

test("a retry whose first attempt may have taken effect ends with the last failure itself, told that much worse", async () => {
  const ends = [
    new ProviderFailure(504, "first", { effect: "unknown" }),
    new ProviderFailure(503, "last", { retryAfterMs: 3, transient: false }),
  ];
  const call: Call<string, string> = () => Promise.reject(ends.shift());
  const last = ends[1];
  const error: unknown = await execute(pipeline(retry({ backoff: fixed("1ms") }))(call), "", {
    idempotent: true,
  }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProviderFailure);
  expect(error).toMatchObject({ status: 503, body: "last", effect: "unknown", cause: last });
});

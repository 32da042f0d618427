import { execute, Failure, fixed, retry } from "@outrigger/core";
import { expect, test } from "vitest";
import { HttpFailure } from "./failure.ts";
import { asHttpFailure } from "./wrap-failure.ts";

test.each([
  [true, true],
  [false, false],
])(
  "a policy's failure between two attempts says whether an earlier one was written: %s",
  (writtenBefore, written) => {
    const failure = new Failure("over", { code: "DEADLINE_EXCEEDED", effect: "unknown" });

    const wrapped = asHttpFailure(failure, "lab", "plain", {
      attempts: 2,
      writtenBefore,
      current: undefined,
    });

    expect(wrapped).toMatchObject({ code: "DEADLINE_EXCEEDED", stage: "acquire", attempts: 2, written });
  },
);

test("the last attempt's failure keeps its answer when an earlier attempt left a worse effect", async () => {
  const answer = {
    status: 503,
    headers: {},
    bytes: new Uint8Array(),
    text: () => "busy",
    json: <T>() => ({}) as T,
  };
  const facts = {
    integration: "lab",
    operation: "plain",
    code: "X",
    stage: "headers",
    written: true,
  } as const;
  const ends = [
    new HttpFailure("lab.plain: lost", { ...facts, effect: "unknown", attempts: 1 }),
    new HttpFailure("lab.plain: busy", {
      ...facts,
      effect: "none",
      attempts: 2,
      transient: false,
      response: answer,
    }),
  ];
  const call = retry({ backoff: fixed("1ms") })(() => Promise.reject(ends.shift()));
  const error: unknown = await execute(call, "", { idempotent: true }).catch((thrown: unknown) => thrown);

  const progress = { attempts: 2, writtenBefore: true, current: undefined };
  const wrapped = asHttpFailure(error, "lab", "plain", progress) as HttpFailure;

  expect(wrapped).toBe(error);
  expect(wrapped).toBeInstanceOf(HttpFailure);
  expect(wrapped).toMatchObject({
    effect: "unknown",
    status: 503,
    attempts: 2,
    written: true,
    stage: "headers",
  });
  expect(wrapped.response?.text()).toBe("busy");
});

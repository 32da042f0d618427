import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
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

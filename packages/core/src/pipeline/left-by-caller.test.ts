import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { circuitBreaker } from "../breaker/breaker.ts";
import { keyedBreaker } from "../breaker/keyed.ts";
import type { Call, Policy } from "../context/call.ts";
import { execute } from "../context/execute.ts";
import { attemptTimeout } from "../timeout/attempt-timeout.ts";
import { pipeline } from "./pipeline.ts";

// Clients of the outside world stop with an error of their own, not with the signal's reason.
const stopsInItsOwnWords: Call<string, string> = (_, context) =>
  new Promise((_resolve, reject) =>
    context.onAbort(() => reject(new DOMException("This operation was aborted", "AbortError"))),
  );

const clock = new VirtualClock();
const options = { count: 4, minimumCalls: 2, clock } as const;

async function failuresAfterAborts(policy: Policy): Promise<void> {
  for (let call = 0; call < 4; call += 1) {
    const caller = new AbortController();
    const answer = execute(policy(stopsInItsOwnWords), "", { clock, signal: caller.signal });
    caller.abort();
    await expect(answer).rejects.toMatchObject({ code: "CALL_ABORTED" });
  }
}

test.each(["alone", "in a pipeline", "around a timeout"])(
  "calls whose callers left say nothing against the other side, however their work stops: %s",
  async (place) => {
    const breaker = circuitBreaker(options);
    const policy =
      place === "alone"
        ? breaker
        : pipeline(breaker, ...(place === "in a pipeline" ? [] : [attemptTimeout("1s")]));
    await failuresAfterAborts(policy);
    expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 0 });
  },
);

test("nor do they in keyed circuits", async () => {
  const breaker = keyedBreaker({ ...options, key: () => "k" });
  await failuresAfterAborts(breaker);
  expect(breaker.snapshot().circuits["k"] ?? { failures: 0 }).toMatchObject({ failures: 0 });
});

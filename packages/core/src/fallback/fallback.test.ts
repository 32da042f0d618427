import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, failure, manual, watch } from "../../test/calls.ts";
import {
  CallContext,
  circuitBreaker,
  deadline,
  execute,
  type FailedCall,
  Failure,
  type FallbackOptions,
  fallback,
  fallbackDefaults,
  type PolicyEvent,
  pipeline,
} from "../index.ts";

const failing = (error: unknown) => (): Promise<string> => Promise.reject(error);

test("a call that fails without effect is answered by the value", async () => {
  const policy = fallback("cached", { name: "map" });
  await expect(execute(policy(failing(failure())), "")).resolves.toBe("cached");
  await expect(
    execute(
      policy(async () => "fresh"),
      "",
    ),
  ).resolves.toBe("fresh");
  expect(policy.snapshot()).toEqual({ kind: "fallback", name: "map", used: 1, refused: 0 });
});

test("a handler is told the failure, its effect and what was asked", async () => {
  const error = failure({ effect: "unknown", code: "READ_TIMEOUT" });
  let told: FailedCall | undefined;
  const policy = fallback(
    async (failed) => {
      told = failed;
      return `about ${String(failed.input)}`;
    },
    { acceptUnknown: true },
  );
  await expect(execute(policy<string, string>(failing(error)), "Seoul", { key: "k" })).resolves.toBe(
    "about Seoul",
  );
  expect(told).toMatchObject({
    error,
    effect: "unknown",
    verdict: { kind: "failed" },
    context: { key: "k" },
  });
});

test.each([
  ["failed without effect", failure(), true],
  ["was rejected by our own policies", failure({ kind: "rejected" }), true],
  ["failed for good", failure({ transient: false }), true],
  ["was refused", failure({ kind: "refused" }), false],
  ["was aborted", failure({ kind: "aborted" }), false],
  ["may have taken effect", failure({ effect: "unknown" }), false],
  ["took effect", failure({ effect: "done" }), false],
  ["threw an error without facts", new Error("x"), false],
  ["made a mistake", new TypeError("x is not a function"), false],
])("a call that %s is hidden only when that is safe", async (_, error, hidden) => {
  const answer = execute(fallback("instead")(failing(error)), "", { idempotent: true, key: "k" });
  if (hidden) await expect(answer).resolves.toBe("instead");
  else await expect(answer).rejects.toBe(error);
});

test("what may have taken effect is hidden only where somebody said so; a mistake never", async () => {
  expect(fallbackDefaults.acceptUnknown).toBe(false);
  const events: PolicyEvent[] = [];
  const accepting = fallback("x", { acceptUnknown: true, onEvent: (event) => void events.push(event) });
  for (const effect of ["unknown", "done"] as const) {
    await expect(execute(accepting(failing(failure({ effect }))), "")).resolves.toBe("x");
  }
  const mistake = new TypeError("x is not a function");
  await expect(execute(accepting(failing(mistake)), "")).rejects.toBe(mistake);
  expect(events).toMatchObject([
    { type: "fallbackUsed", effect: "unknown" },
    { type: "fallbackUsed", effect: "done" },
    { type: "fallbackRefused", why: "mistake", error: mistake },
  ]);
  const refusing = fallback("x", { onEvent: (event) => void events.push(event) });
  const error = failure({ effect: "unknown" });
  await expect(execute(refusing(failing(error)), "")).rejects.toBe(error);
  expect(events.at(-1)).toEqual({
    type: "fallbackRefused",
    name: undefined,
    why: "effectUnknown",
    effect: "unknown",
    error,
  });
  expect(refusing.snapshot()).toMatchObject({ used: 0, refused: 1 });
});

test("a condition chooses among failures, also refusals, but not what must not be hidden", async () => {
  const when: FallbackOptions["when"] = (verdict) => verdict.kind === "refused";
  const policy = fallback("x", { when });
  await expect(execute(policy(failing(failure({ kind: "refused" }))), "")).resolves.toBe("x");
  await expect(execute(policy(failing(failure())), "")).rejects.toMatchObject({ code: "TEST_FAILED" });
  const always = fallback("x", { when: () => true });
  for (const error of [failure({ effect: "unknown" }), failure({ kind: "aborted" }), new RangeError("x")]) {
    await expect(execute(always(failing(error)), "")).rejects.toBe(error);
  }
  for (const broken of [
    (): boolean => {
      throw new Error("broken");
    },
    (async () => true) as never,
  ]) {
    const error = failure();
    await expect(execute(fallback("x", { when: broken })(failing(error)), "")).rejects.toBe(error);
  }
});

test("what the handler throws carries the effect of the call where that is worse", async () => {
  const mild = new Failure("no cache", { code: "CACHE_MISS", effect: "none" });
  const policy = fallback(() => Promise.reject(mild), { acceptUnknown: true });
  await expect(execute(policy(failing(failure())), "")).rejects.toBe(mild);
  await expect(execute(policy(failing(failure({ effect: "done" }))), "")).rejects.toMatchObject({
    code: "CACHE_MISS",
    effect: "done",
    cause: mild,
  });
  const thrown = fallback(() => {
    throw mild;
  });
  await expect(execute(thrown(failing(failure())), "")).rejects.toBe(mild);
});

test("a caller that went away gets no fallback; a deadline inside does", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const policy = fallback("x", { acceptUnknown: true });
  const gone = watch(execute(policy(deaf), "", { clock, signal: controller.signal }));
  const late = watch(execute(pipeline(policy, deadline("1s"))(deaf), "", { clock }));
  controller.abort();
  await clock.advance(1_000);
  expect(gone.error).toMatchObject({ code: "CALL_ABORTED" });
  expect(late.value).toBe("x");
  const context = new CallContext({ clock });
  const { call, calls } = manual();
  const torn = watch(policy(call)("", context));
  context.abort(failure({ kind: "aborted" }));
  const reset = failure({ code: "SOCKET_DESTROYED" });
  calls[0]?.reject(reset);
  await clock.advance(0);
  expect(torn.error).toBe(reset);
  expect(policy.snapshot().used).toBe(1);
});

test("an open circuit inside is answered at once", async () => {
  const breaker = circuitBreaker({ minimumCalls: 1 });
  const call = pipeline(fallback("x"), breaker)(failing(failure()));
  await expect(execute(call, "")).resolves.toBe("x");
  await expect(execute(call, "")).resolves.toBe("x");
  expect(breaker.snapshot().state).toBe("open");
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => fallback("x", { when: 1 as never })).toThrow("fallback.when must be a function; got 1");
  expect(() => fallback("x", { acceptUnknown: "yes" as never })).toThrow(
    'fallback.acceptUnknown must be true or false; got "yes"',
  );
  expect(() => fallback("x", { acceptUnkown: true } as never)).toThrow('did you mean "acceptUnknown"?');
});

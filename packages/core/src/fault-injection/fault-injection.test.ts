import { seededRandom, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure, ListeningContext, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  execute,
  type Fault,
  type FaultInjectionOptions,
  faultInjection,
  faultInjectionDefaults,
  type PolicyEvent,
  pipeline,
  planOf,
} from "../index.ts";

const always = (fault: Omit<Fault, "rate">, more: Partial<FaultInjectionOptions> = {}) =>
  faultInjection({ faults: [{ ...fault, rate: 1 } as Fault], enabled: true, ...more });

test("nothing is broken until it is switched on, and nothing more once it is switched off", async () => {
  expect(faultInjectionDefaults.enabled).toBe(false);
  const policy = faultInjection({ faults: [{ kind: "error", rate: 1 }] });
  const call = policy(echo);
  await expect(execute(call, "a")).resolves.toBe("a");
  policy.enable();
  await expect(execute(call, "a")).rejects.toMatchObject({ code: "INJECTED_FAULT" });
  policy.disable();
  await expect(execute(call, "a")).resolves.toBe("a");
  expect(policy.snapshot()).toEqual({
    kind: "faultInjection",
    name: undefined,
    enabled: false,
    calls: 1,
    faults: [{ kind: "error", at: "before", rate: 1, injected: 1 }],
  });
});

test("an error before the call has no effect and is not sent; one after it leaves the effect unknown", async () => {
  const events: PolicyEvent[] = [];
  for (const [at, effect, sent] of [
    ["before", "none", 0],
    ["after", "unknown", 1],
  ] as const) {
    let calls = 0;
    const policy = always(
      { kind: "error", at },
      { name: "drill", onEvent: (event) => void events.push(event) },
    );
    const call = policy(async () => {
      calls += 1;
      return "ok";
    });
    await expect(execute(call, "")).rejects.toMatchObject({
      code: "INJECTED_FAULT",
      kind: "failed",
      effect,
      message: `a fault was injected by drill ${at} the call`,
    });
    expect(calls).toBe(sent);
  }
  expect(events).toEqual([
    { type: "faultInjected", name: "drill", fault: "error", at: "before" },
    { type: "faultInjected", name: "drill", fault: "error", at: "after" },
  ]);
});

test("an error can be the test's own, and a call that fails by itself stays so", async () => {
  const own = failure({ code: "CARD_DECLINED", kind: "refused" });
  await expect(execute(always({ kind: "error", error: () => own } as never)(echo), "")).rejects.toBe(own);
  const real = failure();
  const after = always({ kind: "error", at: "after" });
  await expect(
    execute(
      after(() => Promise.reject(real)),
      "",
    ),
  ).rejects.toBe(real);
  await expect(
    execute(
      after(() => {
        throw real;
      }),
      "",
    ),
  ).rejects.toBe(real);
});

test("latency delays the call, or its answer", async () => {
  for (const at of ["before", "after"] as const) {
    const clock = new VirtualClock();
    const { call, calls } = manual();
    const context = new ListeningContext({ clock });
    const answer = watch(always({ kind: "latency", at, delay: "2s" } as never)(call)("", context));
    if (at === "after") calls[0]?.resolve("ok");
    await clock.advance(1_999);
    expect([calls.length, answer.status, context.effect]).toEqual(
      at === "before" ? [0, "waiting", "none"] : [1, "waiting", "unknown"],
    );
    await clock.advance(1);
    expect(context.effect).toBe("unknown");
    calls[0]?.resolve("ok");
    await clock.advance(0);
    expect([answer.value, context.listeners, clock.pending]).toEqual(["ok", 0, 0]);
  }
});

test("a call that hangs ends when it is told to stop, and says what was sent", async () => {
  for (const [at, effect] of [
    ["before", "none"],
    ["after", "unknown"],
  ] as const) {
    const clock = new VirtualClock();
    const answer = watch(
      execute(pipeline(attemptTimeout("1s"), always({ kind: "hang", at }))(echo), "", { clock }),
    );
    await clock.advance(999);
    expect(answer.status).toBe("waiting");
    await clock.advance(1);
    expect(answer.error).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect });
    expect(clock.pending).toBe(0);
  }
});

test("an abort ends an injected wait at once", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const call = always({ kind: "latency", delay: "1h" } as never)(deaf);
  const answer = watch(execute(call, "", { clock, signal: controller.signal }));
  await clock.advance(10);
  controller.abort();
  await clock.advance(0);
  expect([answer.status, clock.pending]).toEqual(["rejected", 0]);
});

test("a result replaces the answer", async () => {
  const policy = always({ kind: "result", result: () => "stale" } as never);
  await expect(execute(policy(echo), "fresh")).resolves.toBe("stale");
});

test("faults strike at their rates, at most one of them per call, the same ones for the same seed", async () => {
  const run = async (seed: number): Promise<string[]> => {
    const struck: string[] = [];
    const policy = faultInjection({
      enabled: true,
      random: seededRandom(seed),
      faults: [
        { kind: "error", rate: 0.1 },
        { kind: "result", rate: 0.3, result: () => "" },
      ],
      onEvent: (event) => void (event.type === "faultInjected" && struck.push(event.fault)),
    });
    for (let call = 0; call < 2_000; call += 1) await execute(policy(echo), "").catch(() => {});
    expect(policy.snapshot().calls).toBe(2_000);
    return struck;
  };
  const struck = await run(7);
  const share = (fault: string): number => struck.filter((each) => each === fault).length / 2_000;
  expect(share("error")).toBeCloseTo(0.1, 1);
  expect(share("result")).toBeCloseTo(0.3, 1);
  expect(await run(7)).toEqual(struck);
  expect(await run(8)).not.toEqual(struck);
});

test("faults keep to the calls they are meant for; a scope that throws means none", async () => {
  const policy = always({ kind: "error" }, { when: (input) => input === "victim" });
  await expect(execute(policy(echo), "other")).resolves.toBe("other");
  await expect(execute(policy(echo), "victim")).rejects.toMatchObject({ code: "INJECTED_FAULT" });
  const broken = always(
    { kind: "error" },
    {
      when: () => {
        throw new Error("broken");
      },
    },
  );
  await expect(execute(broken(echo), "a")).resolves.toBe("a");
});

test("a drill that changes its faults stays switched on, and its plan tells what they add", async () => {
  const policy = always({ kind: "error" });
  policy.reconfigure({ faults: [{ kind: "latency", rate: 0.5, delay: "2s" }] });
  expect(policy.snapshot()).toMatchObject({ enabled: true, faults: [{ kind: "latency", injected: 0 }] });
  expect(planOf(policy)).toMatchObject({ kind: "faultInjection", addsMs: 2_000 });
  expect(() => policy.reconfigure({ enabled: false } as never)).toThrow("faultInjection.enabled is not");
});

test("wrong options are refused with their path and the fix", () => {
  const make = (fault: unknown): unknown => faultInjection({ faults: [fault as Fault] });
  expect(() => faultInjection({} as never)).toThrow("faultInjection.faults must be an array; got undefined");
  expect(() => make("error")).toThrow("faultInjection.faults[0] must be an object");
  expect(() => make({ kind: "eror", rate: 1 })).toThrow(
    'faultInjection.faults[0].kind must be one of "latency"',
  );
  expect(() => make({ kind: "error" })).toThrow("faultInjection.faults[0].rate must be a ratio");
  expect(() => make({ kind: "error", rate: 5 })).toThrow("write 0.05 for 5 %");
  expect(() => make({ kind: "latency", rate: 1 })).toThrow(
    "faultInjection.faults[0].delay must be a duration",
  );
  expect(() => make({ kind: "error", rate: 1, delay: "1s" })).toThrow(
    'faultInjection.faults[0].delay belongs to a fault of kind "latency"; got kind "error"',
  );
  expect(() => make({ kind: "result", rate: 1 })).toThrow(
    "faultInjection.faults[0].result must be a function",
  );
  expect(() => make({ kind: "error", rate: 1, error: "x" })).toThrow(
    "faultInjection.faults[0].error must be",
  );
  expect(() => make({ kind: "hang", rate: 1, at: "during" })).toThrow(
    'faultInjection.faults[0].at must be one of "before", "after"',
  );
  const half: Fault = { kind: "hang", rate: 0.6 };
  expect(() => faultInjection({ faults: [half, half] })).toThrow(
    "faultInjection.faults: the rates must be at most 1 together; got 1.2",
  );
  expect(() => faultInjection({ faults: [], enabled: 1 as never })).toThrow("faultInjection.enabled must be");
  expect(() => faultInjection({ faults: [], when: 1 as never })).toThrow(
    "faultInjection.when must be a function",
  );
  expect(() => faultInjection({ faults: [], seed: 1 } as never)).toThrow(
    "faultInjection.seed is not an option",
  );
});

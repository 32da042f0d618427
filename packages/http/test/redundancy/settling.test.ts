import { expect, test } from "vitest";
import { redundantWrite, type Settling } from "../../src/index.ts";
import { caught, fails, hangs, setUp, write } from "./fake-providers.ts";

test("time to settle is kept back from the call, and at most half of what is left", async () => {
  const settle = async () => ({ status: "notThere" }) as const;
  const { a, payments } = setUp(
    {},
    { write: redundantWrite({ providers: { a: { ...write, settle }, b: write } }) },
  );
  await payments.call("write", "x", { deadlineAtMs: 10_000 });
  await payments.call("write", "x", { deadlineAtMs: 1_000 });
  expect(a.sent.map(({ options }) => options.deadlineAtMs)).toEqual([7_000, 500]);
});

test("a settle that hangs ends with its time, and the change stays open", async () => {
  let told: AbortSignal | undefined;
  const settle = (_: string, { signal }: Settling) => {
    told = signal;
    return new Promise<never>(() => {});
  };
  const { clock, a, b, payments, events } = setUp(
    {},
    { write: redundantWrite({ providers: { a: { ...write, settle }, b: write } }) },
  );
  a.behave = fails("CONNECTION_LOST", "failed", "unknown");
  const failure = caught(payments.call("write", "x"));
  await clock.advance(2_999);
  expect(payments.snapshot().calls.running).toBe(1);
  await clock.advance(1);
  expect(await failure).toMatchObject({ code: "CONNECTION_LOST", effect: "unknown", provider: "a" });
  expect([told?.aborted, b.sent.length, clock.pending]).toEqual([true, 0, 0]);
  expect(events).toMatchObject([
    { type: "callSettled", provider: "a", operation: "write", code: "CONNECTION_LOST", settled: "unknown" },
    { type: "failoverRefused", why: "notSafe" },
  ]);
});

test("a change that turns out to be done is the answer, and nobody else is asked", async () => {
  const settle = async () => ({ status: "done", result: "found" }) as const;
  const { a, b, payments } = setUp(
    {},
    { write: redundantWrite({ providers: { a: { ...write, settle }, b: write } }) },
  );
  a.behave = fails("LOST", "failed", "unknown");
  expect(await payments.call("write", "x")).toMatchObject({
    value: "found",
    provider: "a",
    tried: [{ settled: "done", effect: "done" }],
  });
  expect(b.sent).toEqual([]);
});

test("whoever leaves is told at once what is known, and nothing is settled for them", async () => {
  const settled: unknown[] = [];
  const settle = async () => {
    settled.push(1);
    return { status: "notThere" } as const;
  };
  const { a, b, payments } = setUp(
    {},
    { write: redundantWrite({ providers: { a: { ...write, settle }, b: write } }) },
  );
  a.behave = hangs;
  const controller = new AbortController();
  const failure = caught(payments.call("write", "x", { signal: controller.signal }));
  controller.abort(new Error("gone"));
  expect(await failure).toMatchObject({
    code: "CALL_ABORTED",
    kind: "aborted",
    effect: "unknown",
    provider: "a",
  });
  expect([settled.length, b.sent.length]).toEqual([0, 0]);
  expect(payments.snapshot().providers[0]?.settled.unknown).toBe(0);
  expect(await caught(payments.call("write", "x", { signal: controller.signal }))).toMatchObject({
    kind: "aborted",
    effect: "none",
  });
  expect(a.sent.length).toBe(1);
});

import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { redundantWrite, type Settling } from "../../src/index.ts";
import { caught, fails, ok, setUp, write } from "./fake-providers.ts";

test("a read is asked of the next provider after any failure but a final no", async () => {
  const { a, payments } = setUp();
  a.behave = fails("READ_TIMEOUT", "failed", "unknown");
  expect((await payments.call("read", "x")).provider).toBe("b");
  a.behave = fails("BREAKER_OPEN", "rejected", "none");
  expect((await payments.call("read", "x")).provider).toBe("b");
  a.behave = fails("HTTP_404", "refused", "none");
  expect(await caught(payments.call("read", "x"))).toMatchObject({
    code: "HTTP_404",
    kind: "refused",
    effect: "none",
  });
});

test("a read that nobody answers has no effect, whatever its failures say of themselves", async () => {
  const { a, b, payments } = setUp();
  a.behave = fails("READ_TIMEOUT", "failed", "unknown");
  b.behave = fails("READ_TIMEOUT", "failed", "unknown");
  expect(await caught(payments.call("read", "x"))).toMatchObject({ effect: "none", provider: "b" });
});

test("all of a call happens before the deadline that its caller gave", async () => {
  const { a, b, payments } = setUp();
  a.behave = fails("CONNECT_FAILED", "failed", "none");
  await payments.call("write", "x", { deadlineAtMs: 700 });
  expect([a, b].map(({ sent }) => sent[0]?.options.deadlineAtMs)).toEqual([700, 700]);
  await payments.call("write", "x");
  expect(a.sent[1]?.options.deadlineAtMs).toBe(30_000);
});

test("past the deadline nobody else is asked", async () => {
  const { clock, a, b, payments, events } = setUp();
  a.behave = async () => {
    await clock.advance(700);
    throw new Failure("late", { code: "DEADLINE_EXCEEDED", effect: "none" });
  };
  expect(await caught(payments.call("write", "x", { deadlineAtMs: 700 }))).toMatchObject({
    code: "DEADLINE_EXCEEDED",
  });
  expect(b.sent).toEqual([]);
  expect(events).toMatchObject([{ type: "failoverRefused", why: "pastDeadline" }]);
});

test("settling asks the same provider, under the keys of this call, inside the time for it", async () => {
  const seen: Settling[] = [];
  const settle = async (_: string, settling: Settling) => {
    seen.push(settling);
    await settling.request("cancel", { json: { key: settling.key }, key: settling.cancelKey });
    return { status: "cancelled" } as const;
  };
  const { a, b, payments } = setUp(
    {},
    { write: redundantWrite({ providers: { a: { ...write, settle }, b: write } }) },
  );
  a.behave = async (options, operation) =>
    (operation === "cancel" ? ok : fails("LOST", "failed", "unknown"))(options, operation);
  const answer = await payments.call("write", "x", { key: "order-1" });
  expect(answer).toMatchObject({
    provider: "b",
    tried: [{ provider: "a", settled: "cancelled", effect: "none" }, { provider: "b" }],
  });
  const [charge, cancel] = a.sent;
  expect(seen[0]?.provider).toBe("a");
  expect([charge?.options.key, cancel?.options.key]).toEqual([seen[0]?.key, seen[0]?.cancelKey]);
  expect(cancel?.options).toMatchObject({ json: { key: charge?.options.key }, deadlineAtMs: 3_000 });
  expect([b.sent[0]?.options.key === charge?.options.key, b.sent[0]?.options.key === "order-1"]).toEqual([
    false,
    false,
  ]);
});

test("a provider that is closed by somebody else is no reason to give up the call", async () => {
  const { a, payments } = setUp();
  a.behave = fails("INTEGRATION_CLOSED", "aborted", "none");
  expect((await payments.call("write", "x")).provider).toBe("b");
  a.behave = fails("INTEGRATION_CLOSED", "aborted", "unknown");
  expect(await caught(payments.call("write", "x"))).toMatchObject({
    code: "INTEGRATION_CLOSED",
    kind: "failed",
    effect: "unknown",
  });
});

test("a mapping that throws sent nothing, and is visible behind the provider that stepped in", async () => {
  const broken = { ...write, request: () => JSON.parse("{") };
  const { a, payments } = setUp({}, { write: redundantWrite({ providers: { a: broken, b: write } }) });
  const { provider, tried } = await payments.call("write", "x");
  expect([provider, a.sent.length]).toEqual(["b", 0]);
  expect(tried[0]).toMatchObject({
    provider: "a",
    code: "REQUEST_INVALID",
    kind: "rejected",
    effect: "none",
  });
});

test("an answer that cannot be read may be that of a change that was made", async () => {
  const unread = { ...write, answer: () => JSON.parse("<html>card 4111") };
  const { b, payments } = setUp({}, { write: redundantWrite({ providers: { a: unread, b: write } }) });
  expect(await caught(payments.call("write", "x"))).toMatchObject({
    code: "ANSWER_INVALID",
    effect: "unknown",
    transient: false,
  });
  expect(b.sent).toEqual([]);
  const { message } = (await caught(payments.call("write", "x"))) as Error;
  expect(message).toBe("payments.write: the answer of a could not be read");
});

test("an answer that says no is taken at its word", async () => {
  const declined = {
    ...write,
    answer: (): string => {
      throw new Failure("resultCode 3001", { code: "DECLINED", effect: "none", kind: "refused" });
    },
  };
  const { payments } = setUp({}, { write: redundantWrite({ providers: { a: declined, b: write } }) });
  expect(await caught(payments.call("write", "x"))).toMatchObject({
    code: "DECLINED",
    kind: "refused",
    effect: "none",
  });
});

test("a provider is passed by for what it does not take; where nobody takes it, nothing is sent", async () => {
  const card = { ...write, accepts: (method: string) => method === "card" };
  const { a, b, payments } = setUp(
    {},
    {
      write: redundantWrite({
        providers: { a: card, b: { ...write, accepts: (m: string) => m !== "cash" } },
      }),
    },
  );
  expect((await payments.call("write", "transfer")).provider).toBe("b");
  expect((await payments.call("write", "card")).provider).toBe("a");
  expect(await caught(payments.call("write", "cash"))).toMatchObject({
    code: "NO_PROVIDER",
    kind: "rejected",
    effect: "none",
    message: "payments.write: no provider accepts this input",
  });
  expect([a.sent.length, b.sent.length]).toEqual([1, 1]);
});

test("when all circuits are open the caller is told when the first of them lets calls in", async () => {
  const { a, b, payments } = setUp();
  for (const [fake, ms] of [
    [a, 4_000],
    [b, 9_000],
  ] as const) {
    fake.circuit = { state: "open", admittedShare: undefined };
    fake.behave = fails("BREAKER_OPEN", "rejected", "none", ms);
  }
  expect(await caught(payments.call("write", "x"))).toMatchObject({
    code: "BREAKER_OPEN",
    kind: "rejected",
    retryAfterMs: 4_000,
  });
});

test("a failure from outside is told rather than the rejection that came after it", async () => {
  const { a, b, payments } = setUp();
  a.behave = fails("CONNECT_FAILED", "failed", "none");
  b.behave = fails("BREAKER_OPEN", "rejected", "none", 4_000);
  expect(await caught(payments.call("write", "x"))).toMatchObject({
    code: "CONNECT_FAILED",
    kind: "failed",
    provider: "a",
  });
});

test("a provider that is drained while another one is asked is passed by", async () => {
  const { a, b, payments } = setUp();
  a.behave = async () => {
    await payments.drain("b");
    throw new Failure("down", { code: "CONNECT_FAILED", effect: "none" });
  };
  expect(await caught(payments.call("write", "x"))).toMatchObject({ code: "CONNECT_FAILED", provider: "a" });
  expect(b.sent).toEqual([]);
});

import { expect, test } from "vitest";
import { caught, fails, hangs, ok, setUp } from "./fake-providers.ts";

test("two calls with one key do not run at the same time", async () => {
  const { a, b, payments } = setUp();
  a.behave = hangs;
  const controller = new AbortController();
  const first = caught(payments.call("write", "x", { key: "k", signal: controller.signal }));
  expect(await caught(payments.call("write", "x", { key: "k" }))).toMatchObject({
    code: "KEY_IN_USE",
    kind: "rejected",
    effect: "unknown",
  });
  controller.abort();
  await first;
  expect([a.sent.length, b.sent.length]).toEqual([1, 0]);
});

test("a repetition stays with the provider that may have the change, also when that one is drained", async () => {
  const { a, payments } = setUp();
  a.behave = fails("LOST", "failed", "unknown");
  await caught(payments.call("write", "x", { key: "k" }));
  a.behave = fails("CONNECT_FAILED", "failed", "none");
  expect(await caught(payments.call("write", "x", { key: "k" }))).toMatchObject({
    effect: "unknown",
    provider: "a",
  });
  await payments.drain("a");
  expect(await caught(payments.call("write", "x", { key: "k" }))).toMatchObject({
    code: "PROVIDER_DRAINED",
    effect: "unknown",
  });
  expect((await payments.call("write", "x", { key: "other" })).provider).toBe("b");
  payments.resume("a");
  a.behave = ok;
  expect((await payments.call("write", "x", { key: "k" })).provider).toBe("a");
  expect(payments.snapshot().rememberedKeys).toBe(2);
});

test("a call that was turned away everywhere leaves its key free for anybody", async () => {
  const { a, b, payments } = setUp();
  a.behave = fails("CONNECT_FAILED", "failed", "none");
  b.behave = fails("CONNECT_FAILED", "failed", "none");
  await caught(payments.call("write", "x", { key: "k" }));
  expect(payments.snapshot().rememberedKeys).toBe(0);
  b.behave = ok;
  expect((await payments.call("write", "x", { key: "k" })).provider).toBe("b");
});

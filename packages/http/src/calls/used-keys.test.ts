import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { maxUsedKeys, UsedKeys } from "./used-keys.ts";

const day = 86_400_000;

test("a key stands for one request of one operation, as long as the provider remembers it", async () => {
  const clock = new VirtualClock();
  const keys = new UsedKeys(clock);
  keys.use("charge", "k", "a", day)?.end(true);

  expect(keys.use("charge", "k", "b", day)).toBeUndefined();
  expect(keys.use("cancel", "k", "b", day)).toBeDefined();
  await clock.advance(day - 1);
  // From its first use on: using it again does not make the provider remember it longer.
  keys.use("charge", "k", "a", day)?.end(true);
  expect(keys.use("charge", "k", "b", day)).toBeUndefined();
  await clock.advance(1);
  expect(keys.use("charge", "k", "b", day)).toBeDefined();
});

test("a key of which nothing has left is free again, when the last call that used it has ended", () => {
  const keys = new UsedKeys(new VirtualClock());
  const first = keys.use("charge", "k", "a", day);
  const second = keys.use("charge", "k", "a", day);
  first?.end(false);
  expect(keys.use("charge", "k", "b", day)).toBeUndefined();
  second?.end(false);
  expect(keys.size).toBe(0);
  const other = keys.use("charge", "k", "b", day);
  const same = keys.use("charge", "k", "b", day);
  other?.end(true);
  same?.end(false);
  expect(keys.use("charge", "k", "a", day)).toBeUndefined();
});

test("the memory is bounded, and what is oldest is forgotten first", () => {
  const keys = new UsedKeys(new VirtualClock());
  for (let at = 0; at <= maxUsedKeys; at += 1) keys.use("charge", `k${at}`, "a", day)?.end(true);
  expect(keys.size).toBe(maxUsedKeys);
  expect(keys.use("charge", "k1", "b", day)).toBeUndefined();
  expect(keys.use("charge", "k0", "b", day)).toBeDefined();
});

test("a call that ends late does not free the key that another has taken in the meantime", async () => {
  const clock = new VirtualClock();
  const keys = new UsedKeys(clock);
  const late = keys.use("charge", "k", "a", day);
  await clock.advance(day);
  keys.use("charge", "k", "b", day);
  late?.end(false);
  expect(keys.use("charge", "k", "a", day)).toBeUndefined();
});

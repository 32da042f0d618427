import { expect, test } from "vitest";
import { KeyBindings } from "./key-bindings.ts";
import { providerKey } from "./provider-key.ts";

test("a provider's key is the same for every repetition, and unlike every other provider's, operation's and purpose's", () => {
  const keys = ["order-1", "order-2"].flatMap((key) =>
    ["toss", "nice"].flatMap((provider) =>
      ["charge", "refund"].flatMap((operation) =>
        (["call", "cancel"] as const).map((purpose) => providerKey(key, provider, operation, purpose)),
      ),
    ),
  );
  expect(new Set(keys).size).toBe(16);
  // Pinned: a change would make every provider take a repetition after an update for a new payment.
  expect(providerKey("order-1", "toss", "charge", "call")).toBe(
    "_Ak--uAQMfa6RqlkytOgmLkXYT9TtWfGnaKO2hHRXo8",
  );
});

test("no two sets of parts make the same key", () => {
  expect(providerKey("c", "a", "b", "call")).not.toBe(providerKey('b","c', "a", "", "call"));
  expect(providerKey("a.b", "x", "y", "call")).not.toBe(providerKey("b", "x", "y.a", "call"));
});

test("a key fits what every provider takes", () => {
  expect(providerKey("k".repeat(255), "p", "o", "call")).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

test("a key that is in use is not given out again, and one that left nothing is forgotten", () => {
  const bindings = new KeyBindings(10);
  const first = bindings.begin("k");
  expect(bindings.begin("k")).toBeUndefined();
  if (first === undefined) throw new Error("the key was free");
  bindings.end("k", first);
  expect(bindings.size).toBe(0);
  expect(bindings.begin("k")).toMatchObject({ provider: undefined, left: "none" });
});

test("what a key left behind is remembered until newer ones need the place; what runs is never forgotten", () => {
  const bindings = new KeyBindings(2);
  const running = bindings.begin("running");
  for (const key of ["a", "b", "c"]) {
    const binding = bindings.begin(key);
    if (binding === undefined) throw new Error("the key was free");
    Object.assign(binding, { provider: "toss", left: "done" });
    bindings.end(key, binding);
  }
  expect(bindings.size).toBe(2);
  expect(bindings.begin("running")).toBeUndefined();
  expect(bindings.begin("c")).toMatchObject({ provider: "toss", left: "done" });
  expect(bindings.begin("a")).toMatchObject({ provider: undefined });
  expect(running?.running).toBe(true);
});

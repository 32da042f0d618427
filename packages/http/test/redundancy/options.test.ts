import { expect, test } from "vitest";
import {
  type RedundantOperation,
  redundantIntegration,
  redundantRead,
  redundantWrite,
} from "../../src/index.ts";
import { caught, Fake, read, setUp, write } from "./fake-providers.ts";

test.each<[options: object, message: string]>([
  [{ name: "" }, "name must be a non-empty string"],
  [{ provider: {} }, 'provider is not an option; did you mean "providers"?'],
  [{ providers: {} }, "providers must hold at least one provider"],
  [{ providers: { a: { integration: {} } } }, "providers.a.integration.request must be a function"],
  [{ providers: { a: { integration: new Fake("x"), wieght: 1 } } }, 'did you mean "weight"?'],
  [
    { providers: { a: { integration: new Fake("x"), weight: 0 } } },
    "providers.a.weight must be a whole number, between 1 and 1000",
  ],
  [{ timeout: { total: 3 } }, "timeout.total"],
  [
    { recovery: { firstShare: 10 } },
    "recovery.firstShare must be a ratio above 0 and at most 1; got 10: write 0.1",
  ],
  [{ rememberedKeys: -1 }, "rememberedKeys must be a whole number"],
  [{ budget: {} }, "budget.reserve must be a function"],
  [{ operations: {} }, "operations must hold at least one operation"],
  [{ operations: { x: {} } }, "operations.x must be made by redundantRead or redundantWrite"],
  [
    { operations: { x: redundantRead({ providers: { aa: read } }) } },
    "operations.x.providers.aa is not an option",
  ],
])("%o is refused: %s", (options, message) => {
  const make = () =>
    redundantIntegration({
      name: "payments",
      providers: { a: { integration: new Fake("a") }, b: { integration: new Fake("b") } },
      operations: { read: redundantRead({ providers: { a: read } }) as RedundantOperation },
      ...options,
    });
  expect(make).toThrow(message);
});

test("two providers need two integrations", () => {
  const integration = new Fake("x");
  expect(() =>
    redundantIntegration({
      name: "payments",
      providers: { a: { integration }, b: { integration } },
      operations: { read: redundantRead({ providers: { a: read } }) },
    }),
  ).toThrow("providers.b.integration is the same as providers.a.integration");
});

test("a wrong operation, option or key is refused before anything is sent", async () => {
  const { a, payments } = setUp();
  const refused = { code: "REQUEST_INVALID", kind: "rejected", effect: "none", transient: false };
  expect(await caught(payments.call("raed" as never, "x" as never))).toMatchObject({
    ...refused,
    message: expect.stringContaining("there are read, write"),
  });
  expect(await caught(payments.call("write", "x", { keys: "k" } as never))).toMatchObject(refused);
  expect(await caught(payments.call("write", "x", { key: "with space" }))).toMatchObject(refused);
  expect(await caught(payments.call("read", "x", { key: "k" }))).toMatchObject({
    message: expect.stringContaining("a read has none"),
  });
  expect(a.sent).toEqual([]);
});

test("parts of an operation are checked where they are written", () => {
  expect(() => redundantWrite({ providers: {} })).toThrow(
    "redundantWrite.providers must hold at least one provider",
  );
  expect(() => redundantWrite({ providers: { a: { ...write, settel: 1 } as never } })).toThrow(
    'did you mean "settle"?',
  );
  expect(() => redundantRead({ providers: { a: { ...read, answer: 1 as never } } })).toThrow(
    "redundantRead.providers.a.answer must be a function",
  );
  expect(() =>
    redundantRead({ providers: { a: { ...read, settle: async () => ({ status: "unknown" }) } as never } }),
  ).toThrow("redundantRead.providers.a.settle is not an option");
});

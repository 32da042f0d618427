import { expect, test } from "vitest";
import { checkedDefinition } from "./checked-definition.ts";
import type { OperationDefinition, ProviderDefinition } from "./definition.ts";

const nothing = async (): Promise<void> => {};
const full: ProviderDefinition<object, void> = {
  call: nothing,
  inquire: async () => ({ status: "notFound" }),
  cancel: nothing,
  capabilities: { idempotencyKey: { window: "1d" }, cancel: { blocksLateOriginal: true } },
};
const business = { prepare: nothing, commit: nothing, abandon: nothing };

const check = (definition: object) =>
  checkedDefinition("pay", definition as OperationDefinition<unknown, object, void>, 15_000);

test("a wrong definition is refused at once, and the message names the option and the fix", () => {
  const { capabilities: _, ...undeclared } = full;
  const cases: readonly [object, string][] = [
    [{ ...business }, "call must be a function; got undefined"],
    [
      { ...business, ...full, prepare: undefined },
      "prepare must be a function, or { statement } with one; got undefined",
    ],
    [{ ...business, ...full, comit: nothing }, 'did you mean "commit"?'],
    [{ ...business, providers: {} }, "must name at least one provider"],
    [
      { ...business, providers: { 1: full } },
      'must be a letter followed by up to 62 letters, digits, "_", "." or "-"; got "1"',
    ],
    [{ ...business, providers: { a: full }, call: nothing }, "call is not an option"],
    [{ ...business, providers: { a: { ...full, inquiry: nothing } } }, 'did you mean "inquire"?'],
    [{ ...business, call: nothing, accept: "detect-only" }, 'accept: "none"'],
    [
      { ...business, call: nothing, capabilities: { cancel: { blocksLateOriginal: true } } },
      "cancel is declared, but",
    ],
    [
      { ...business, call: nothing, cancel: nothing, capabilities: { inquiry: {} } },
      "inquiry is declared, but",
    ],
    [{ ...business, ...undeclared, unknown: { onNotFound: "cancel" } }, "blocksLateOriginal: true"],
    [{ ...business, ...undeclared, unknown: { onNotFound: "resend" } }, "idempotencyKey.window"],
    [{ ...business, ...undeclared, unknown: { onNotFound: "fail" } }, "capabilities.maxInFlight"],
    [{ ...business, ...undeclared, unknown: { first: "cancel" } }, "would stand"],
    [
      { ...business, ...undeclared, cancel: undefined, unknown: { onFound: "cancel" } },
      'provider "default" has no cancel',
    ],
    [{ ...business, ...undeclared, cancel: undefined }, 'accept: "detect-only"'],
    [{ ...business, ...full, accept: "loss" }, 'accept must be one of "detect-only", "none"'],
    [{ ...business, ...full, capabilities: { maxInFlight: 60 } }, "capabilities.maxInFlight"],
    [
      { ...business, ...full, capabilities: { idempotencyKey: { window: "1d", scope: "all" } } },
      'scope must be one of "operation", "account"',
    ],
    [
      { ...business, ...full, unknown: { onNotFound: "rollback" } },
      'must be one of "cancel", "resend", "fail", "manual"',
    ],
    [{ ...business, ...full, unknown: { manualAfter: 5 } }, 'write "5ms" if milliseconds were meant'],
    [{ ...business, ...full, unknown: { notFound: "5s" } }, "unknown.notFound is not an option"],
    [{ ...business, ...full, lease: "1ms" }, "lease must lie between 100ms and 1h"],
    [{ ...business, ...full, failoverOnRefusal: "no" }, "failoverOnRefusal must be true or false"],
  ];
  for (const [definition, message] of cases) expect(() => check(definition)).toThrow(message);
  expect(() => checkedDefinition("", { ...business, ...full }, 1)).toThrow("an operation's name must be");
});

test("the guarantee follows from what is declared, and is that of the weakest provider", () => {
  const { capabilities: _, cancel: __, ...inquiryOnly } = full;
  const { inquire: ___, ...noInquiry } = full;
  const plain = { ...full, capabilities: {} };
  const level = (definition: object) => check({ ...business, accept: "none", ...definition }).guarantee;
  expect(level(full).level).toBe("exactly-once-effect");
  expect(level(noInquiry).level).toBe("exactly-once-effect");
  expect(level({ ...full, unknown: { onNotFound: "resend" } }).level).toBe("exactly-once-effect");
  expect(level({ ...full, unknown: { onNotFound: "manual" } }).level).toBe("eventually-consistent");
  expect(level(plain).level).toBe("eventually-consistent");
  expect(level(inquiryOnly).level).toBe("detect-only");
  expect(level({ call: nothing, cancel: nothing }).level).toBe("detect-only");
  expect(level({ call: nothing }).level).toBe("none");
  const statements = { delay: "1d" };
  expect(level({ call: nothing, capabilities: { statements } })).toMatchObject({
    level: "detect-only",
    boundMs: 86_400_000,
  });
  expect(level({ call: nothing, cancel: nothing, capabilities: { statements } })).toMatchObject({
    level: "eventually-consistent",
    boundMs: 86_400_000,
  });
  const inFlight = { ...full, capabilities: { maxInFlight: "1m" }, unknown: { onNotFound: "fail" } };
  expect(level(inFlight)).toMatchObject({ level: "eventually-consistent", boundMs: 75_000 });
  expect(level({ providers: { a: full, b: inquiryOnly } })).toMatchObject({
    level: "detect-only",
    reason: expect.stringContaining("b: "),
  });
});

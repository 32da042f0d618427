import type { Capabilities, UnknownPolicy } from "@outrigger/ledger";
import { describe, expect, test } from "vitest";
import { checkedDefinition } from "../../src/operation/checked-definition.ts";
import {
  decide,
  type EvidenceKind,
  type OperationFacts,
  type Transition,
} from "../../src/state/transitions.ts";
import type { Rules } from "./rules.ts";
import { exploreOperation as explore } from "./steps.ts";

/** Everything declared, and kept. */
const best: Rules = {
  providers: 1,
  onNotFound: "cancel",
  onFound: "complete",
  first: "inquire",
  canInquire: true,
  canCancel: true,
  declaresBlocking: true,
  blocks: true,
  dedupes: true,
  maxInFlight: "undeclared",
  overdue: false,
  webhooks: false,
  reconciles: false,
  sends: 1,
  claims: 2,
  decide,
};

describe("two workers, lost leases, crashes, lost and late messages, a user who cancels", () => {
  const right: readonly [string, Rules, readonly string[]][] = [
    ["a cancel that blocks a late original", best, ["CANCELLED", "DONE", "FAILED"]],
    ["the same without an inquiry", { ...best, canInquire: false }, ["CANCELLED", "DONE", "FAILED"]],
    ["two providers", { ...best, providers: 2, sends: 2, claims: 1 }, ["CANCELLED", "DONE", "FAILED"]],
    [
      "sending again with the same key",
      { ...best, onNotFound: "resend", declaresBlocking: false, blocks: false, overdue: true, sends: 2 },
      ["CANCELLED", "DONE", "FAILED", "MANUAL"],
    ],
    [
      "sending again, and a cancel that stops the first",
      { ...best, onNotFound: "resend", sends: 2 },
      ["CANCELLED", "DONE", "FAILED"],
    ],
    [
      "a cancel that does not block",
      { ...best, onNotFound: "manual", declaresBlocking: false, blocks: false, overdue: true },
      ["CANCELLED", "DONE", "FAILED", "MANUAL"],
    ],
    [
      "a longest time in flight that is true",
      { ...best, onNotFound: "fail", declaresBlocking: false, blocks: false, maxInFlight: "true" },
      ["CANCELLED", "DONE", "FAILED"],
    ],
    ["a net cancel at once", { ...best, first: "cancel" }, ["CANCELLED", "DONE", "FAILED"]],
    ["what is found is undone", { ...best, onFound: "cancel" }, ["CANCELLED", "DONE", "FAILED"]],
    [
      "an inquiry only",
      {
        ...best,
        onNotFound: "manual",
        canCancel: false,
        declaresBlocking: false,
        blocks: false,
        overdue: true,
      },
      // What was cancelled before it was sent needs no cancel of the provider's.
      ["CANCELLED", "DONE", "FAILED", "MANUAL"],
    ],
    ["webhooks that come at any time", { ...best, webhooks: true }, ["CANCELLED", "DONE", "FAILED"]],
    [
      '"not found" taken as a failure, with a reconciliation behind it',
      {
        ...best,
        reconciles: true,
        decide: instead(({ state }, evidence) => state === "UNKNOWN" && evidence === "notFound", {
          to: "FAILED",
          business: "abandon",
        }),
      },
      ["CANCELLED", "DONE", "FAILED"],
    ],
  ];
  test.each(right)("%s: both sides agree in the end, and there always is an end", (_, rules, ends) => {
    const result = explore(rules);
    expect(result.counterexample).toBeUndefined();
    expect(result.stuck).toBe(0);
    expect(result.ends).toEqual(ends);
    expect(result.states).toBeGreaterThan(200);
  });

  test("every combination of capabilities and policies that a definition may have keeps its promise", () => {
    const levels = new Set<string>();
    for (const { rules, level } of everyDefinition()) {
      const { counterexample, stuck } = explore(rules);
      expect([JSON.stringify(rules), counterexample]).toEqual([JSON.stringify(rules), undefined]);
      expect(stuck).toBe(0);
      levels.add(level);
    }
    expect([...levels].sort()).toEqual([
      "detect-only",
      "eventually-consistent",
      "exactly-once-effect",
      "none",
    ]);
  });
});

/** A definition with nothing but what it declares. @returns its guarantee, or undefined when it is refused. */
function levelOf(
  has: { readonly inquire: boolean; readonly cancel: boolean },
  capabilities: Capabilities,
  unknown: UnknownPolicy,
): string | undefined {
  const done = async (): Promise<never> => {
    throw new Error("not called");
  };
  const functions = {
    ...{ prepare: done, commit: done, abandon: done, call: done },
    ...(has.inquire && { inquire: done }),
    ...(has.cancel && { cancel: done }),
  };
  try {
    return checkedDefinition("each", { ...functions, capabilities, unknown, accept: "none" }, 1_000).guarantee
      .level;
  } catch {
    return undefined;
  }
}

/** Every definition that is not refused, and a world in which the provider is as it declares. */
function* everyDefinition(): Generator<{ readonly rules: Rules; readonly level: string }> {
  const both = [true, false];
  for (const inquire of both)
    for (const cancel of both)
      for (const blocks of cancel ? both : [false])
        for (const key of both)
          for (const maxInFlight of ["true", "undeclared"] as const)
            for (const onNotFound of ["cancel", "resend", "fail", "manual"] as const)
              for (const onFound of ["complete", "cancel"] as const)
                for (const first of ["inquire", "cancel"] as const) {
                  const level = levelOf(
                    { inquire, cancel },
                    {
                      ...(key && { idempotencyKey: { window: "1d" } }),
                      ...(cancel && { cancel: { blocksLateOriginal: blocks } }),
                      ...(maxInFlight === "true" && { maxInFlight: "1m" }),
                    },
                    { onNotFound, onFound, first },
                  );
                  if (level === undefined) continue;
                  const settles = blocks && (onNotFound !== "manual" || first === "cancel");
                  const rules: Rules = {
                    ...best,
                    ...{ canInquire: inquire, canCancel: cancel, blocks, declaresBlocking: blocks },
                    ...{ onNotFound, onFound, first, dedupes: key, maxInFlight },
                    ...{ overdue: !settles, sends: onNotFound === "resend" ? 2 : 1, claims: 1 },
                  };
                  yield { level, rules };
                }
}

/** The table with one move replaced. */
function instead(
  when: (facts: OperationFacts, evidence: EvidenceKind) => boolean,
  change: Partial<Transition>,
): typeof decide {
  return (facts, evidence, provider) => {
    if (!when(facts, evidence)) return decide(facts, evidence, provider);
    return { from: facts.state, to: facts.state, business: undefined, nextProvider: false, ...change };
  };
}

/** A worker that asks again while cancelling, and believes what it hears. */
const turnsBack: typeof decide = (facts, evidence, provider) => {
  if (facts.state !== "CANCELLING" || ["cancelled", "cancelFailed", "claimed"].includes(evidence)) {
    return decide(facts, evidence, provider);
  }
  if (evidence !== "succeeded") return decide(facts, "cancelFailed", provider);
  return { from: "CANCELLING", to: "DONE", business: "commit", nextProvider: false };
};

describe("what is left out breaks it, and the model sees it", () => {
  const resend: Rules = { ...best, onNotFound: "resend", declaresBlocking: false, blocks: false, sends: 2 };
  const wrong: readonly [string, string, Rules][] = [
    [
      "nothing durable before the call",
      "charged, and nothing is known of it",
      { ...best, nothingDurable: true },
    ],
    [
      "no fence on local writes",
      "CANCELLED with 1 charges, order void",
      { ...best, unfenced: true, moneyOnly: true },
    ],
    [
      "a longest time in flight that processes of ours do not keep",
      "FAILED with 1 charges, order void",
      {
        ...best,
        ...{ onNotFound: "fail", declaresBlocking: false, blocks: false, canCancel: false },
        maxInFlight: "ofNetwork",
      },
    ],
    [
      "an answer taken as a proof of a later moment",
      "FAILED with 1 charges, order void",
      {
        ...best,
        ...{ onNotFound: "fail", declaresBlocking: false, blocks: false, canCancel: false },
        ...{ maxInFlight: "true", proofOfLater: true },
      },
    ],
    [
      "a net cancel that does not stop a late original",
      "CANCELLED with 1 charges, order void",
      { ...best, first: "cancel", blocks: false },
    ],
    [
      "a late effect taken into a voided order",
      "DONE with 1 charges, order void",
      {
        ...best,
        ...{ reconciles: true, canCancel: false, declaresBlocking: false, blocks: false },
        onNotFound: "manual",
        decide: (facts, evidence, provider) =>
          facts.state === "UNKNOWN" && evidence === "notFound"
            ? { from: "UNKNOWN", to: "FAILED", business: "abandon", nextProvider: false }
            : facts.abandoned && evidence === "succeeded"
              ? { from: facts.state, to: "DONE", business: undefined, nextProvider: false }
              : decide(facts, evidence, provider),
      },
    ],
    [
      '"not found" taken as a failure',
      "FAILED with 1 charges, order void",
      {
        ...best,
        decide: instead(({ state }, evidence) => state === "UNKNOWN" && evidence === "notFound", {
          to: "FAILED",
          business: "abandon",
        }),
      },
    ],
    [
      "a timeout taken as a failure",
      "FAILED with 1 charges, order void",
      {
        ...best,
        decide: instead((_, evidence) => evidence === "unclear", { to: "FAILED", business: "abandon" }),
      },
    ],
    [
      "a way back from cancelling",
      "DONE with 0 charges, order paid",
      { ...best, asksWhileCancelling: true, decide: turnsBack, moneyOnly: true },
    ],
    [
      "a cancel that only claims to block",
      "CANCELLED with 1 charges, order void",
      { ...best, blocks: false },
    ],
    [
      "failing over although the effect is unknown",
      "FAILED with 1 charges, order void",
      {
        ...best,
        providers: 2,
        sends: 2,
        decide: instead((facts, evidence) => evidence === "unclear" && facts.anotherProvider, {
          to: "SENDING",
          nextProvider: true,
        }),
      },
    ],
    [
      "an ended lease taken as not sent",
      "FAILED with 1 charges, order void",
      {
        ...best,
        decide: instead(({ state }, evidence) => state === "SENDING" && evidence === "claimed", {
          to: "FAILED",
          business: "abandon",
        }),
      },
    ],
    [
      '"no effect" of a second send taken for the first',
      "FAILED with 1 charges, order void",
      {
        ...resend,
        decide: (facts, evidence, provider) => decide({ ...facts, inDoubt: false }, evidence, provider),
      },
    ],
    [
      "a refused second send that is cancelled without stopping the first",
      "CANCELLED with 1 charges, order void",
      {
        ...resend,
        decide: (facts, evidence, provider) =>
          decide(facts, evidence, {
            ...provider,
            cancelBlocksLateOriginal: evidence === "noEffect" && facts.refused,
          }),
      },
    ],
    ["sending again where the key is not honoured", "2 active charges", { ...resend, dedupes: false }],
    [
      "a worker that overlooks a cancel that was asked for meanwhile",
      "DONE, although it was to be undone",
      { ...best, overlooksCancel: true },
    ],
    [
      "a commit that is called cancelled without its provider",
      "CANCELLED with 1 charges, order paid",
      {
        ...best,
        decide: instead(({ state }, evidence) => state === "DONE" && evidence === "cancelRequested", {
          to: "CANCELLED",
        }),
      },
    ],
    [
      "a commit that is undone at its provider only",
      "CANCELLED with 0 charges, order paid",
      {
        ...best,
        keepsPaid: true,
      },
    ],
  ];
  test.each(wrong)("%s: %s", (_, ends, rules) => {
    const { counterexample } = explore(rules);
    expect(counterexample?.at(-1)).toBe(ends);
  });

  test("evidence that is dropped because it comes after the end: some worlds never agree", () => {
    const rules: Rules = {
      ...best,
      reconciles: true,
      decide: instead(({ state }, evidence) => state === "UNKNOWN" && evidence === "notFound", {
        to: "FAILED",
        business: "abandon",
      }),
    };
    expect(explore(rules).stuck).toBe(0);
    expect(explore({ ...rules, dropsLate: true }).stuck).toBeGreaterThan(0);
  });
});

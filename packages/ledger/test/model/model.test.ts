import { describe, expect, test } from "vitest";
import {
  decide,
  type EvidenceKind,
  type OperationFacts,
  type Transition,
} from "../../src/state/transitions.ts";
import { explore } from "./explore.ts";
import type { Rules } from "./world.ts";

/** Everything declared, and kept. */
const best: Rules = {
  providers: 1,
  onNotFound: "cancel",
  canInquire: true,
  canCancel: true,
  declaresBlocking: true,
  blocks: true,
  dedupes: true,
  overdue: false,
  sends: 1,
  claims: 3,
  decide,
};

describe("two workers, lost leases, crashes, lost and late messages, a user who cancels", () => {
  const right: readonly [string, Rules, readonly string[]][] = [
    ["a cancel that blocks a late original", best, ["CANCELLED", "DONE", "FAILED"]],
    ["the same without an inquiry", { ...best, canInquire: false }, ["CANCELLED", "DONE", "FAILED"]],
    ["two providers", { ...best, providers: 2, sends: 2, claims: 2 }, ["CANCELLED", "DONE", "FAILED"]],
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
      "an inquiry only",
      {
        ...best,
        onNotFound: "manual",
        canCancel: false,
        declaresBlocking: false,
        blocks: false,
        overdue: true,
      },
      ["DONE", "FAILED", "MANUAL"],
    ],
  ];
  test.each(right)("%s: both sides agree in the end, and there always is an end", (_, rules, ends) => {
    const result = explore(rules);
    expect(result.counterexample).toBeUndefined();
    expect(result.stuck).toBe(0);
    expect(result.ends).toEqual(ends);
    expect(result.states).toBeGreaterThan(200);
  });
});

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
    ["no fence on local writes", "DONE with 0 charges, order paid", { ...best, unfenced: true }],
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
      { ...best, asksWhileCancelling: true, decide: turnsBack },
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
  ];
  test.each(wrong)("%s: %s", (_, ends, rules) => {
    const { counterexample } = explore(rules);
    expect(counterexample?.at(-1)).toBe(ends);
  });
});

import { expect, test } from "vitest";
import { plainFacts } from "../../test/support/plain-facts.ts";
import {
  decide,
  type EvidenceKind,
  intentAfter,
  type OperationFacts,
  type OperationState,
  operationStates,
  type ProviderFacts,
} from "./transitions.ts";

// Which fact decides, one at a time. That the moves of all facts together keep the promises is for transitions.test.ts.

const asksOnly: ProviderFacts = { canInquire: true, canCancel: false, cancelBlocksLateOriginal: false };
const cancels: ProviderFacts = { ...asksOnly, canCancel: true };
const blocks: ProviderFacts = { ...cancels, cancelBlocksLateOriginal: true };
const silent: ProviderFacts = { ...asksOnly, canInquire: false };

const whereTo = (
  state: OperationState,
  evidence: EvidenceKind,
  facts: Partial<OperationFacts>,
  provider: ProviderFacts,
): OperationState => decide({ ...plainFacts, state, ...facts }, evidence, provider).to;

test.each<Partial<OperationFacts>>([{ onNotFound: "fail" }, { cancelWanted: true }, { abandoned: true }])(
  '"not found" is a proof once nothing can be under way, where it is to be one: %o',
  (wanted) => {
    const over = { ...wanted, inFlightEnded: true };
    expect(whereTo("UNKNOWN", "notFound", over, asksOnly)).toBe("FAILED");
    // Where there is a cancel, it is undone rather than believed.
    expect(whereTo("UNKNOWN", "notFound", over, cancels)).toBe("CANCELLING");
    expect(whereTo("UNKNOWN", "notFound", over, silent)).toBe("UNKNOWN");
    expect(whereTo("UNKNOWN", "notFound", wanted, asksOnly)).toBe("UNKNOWN");
  },
);

test.each(["cancel", "resend", "manual"] as const)(
  'with the policy "%s", "not found" is no proof, however long ago it was sent',
  (onNotFound) => {
    for (const provider of [asksOnly, cancels]) {
      expect(whereTo("UNKNOWN", "notFound", { onNotFound, inFlightEnded: true }, provider)).toBe("UNKNOWN");
    }
  },
);

test.each([
  ["cancel", "CANCELLING"],
  ["fail", "CANCELLING"],
  ["resend", "CANCELLING"],
  ["manual", "UNKNOWN"],
] as const)(
  'with the policy "%s", what is not found after the quiet period is %s where that stops a late original',
  (onNotFound, to) => {
    expect(whereTo("UNKNOWN", "notFound", { onNotFound, quietEnded: true }, blocks)).toBe(to);
    expect(whereTo("UNKNOWN", "notFound", { onNotFound }, blocks)).toBe("UNKNOWN");
    expect(whereTo("UNKNOWN", "notFound", { onNotFound, quietEnded: true }, cancels)).toBe("UNKNOWN");
  },
);

test("what is not found is sent again where all allows it, and not when one thing speaks against it", () => {
  const all = { onNotFound: "resend", quietEnded: true, keyOpen: true } as const;
  expect(whereTo("UNKNOWN", "notFound", all, blocks)).toBe("SENDING");
  const against: readonly Partial<OperationFacts>[] = [
    { onNotFound: "cancel" },
    { quietEnded: false },
    { keyOpen: false },
    { overdue: true },
    { resendRefused: true },
    { cancelWanted: true },
    { abandoned: true },
  ];
  for (const fact of against) {
    expect(whereTo("UNKNOWN", "notFound", { ...all, ...fact }, blocks), JSON.stringify(fact)).not.toBe(
      "SENDING",
    );
  }
});

test.each(["SENDING", "UNKNOWN"] as const)(
  "%s: an unknown outcome is undone first, without asking, where that is the policy or the wish and stops a late original",
  (state) => {
    const evidence = state === "SENDING" ? "unclear" : "claimed";
    for (const wanted of [{ first: "cancel" }, { cancelWanted: true }] as const) {
      expect(whereTo(state, evidence, wanted, blocks)).toBe("CANCELLING");
      expect(whereTo(state, evidence, wanted, cancels)).toBe("UNKNOWN");
    }
    expect(whereTo(state, evidence, {}, blocks)).toBe("UNKNOWN");
  },
);

test.each(["UNKNOWN", "MANUAL"] as const)(
  "%s: an effect that is found is taken, and undone where that is the policy, the wish, or its business row is void",
  (state) => {
    expect(whereTo(state, "succeeded", {}, blocks)).toBe("DONE");
    for (const undone of [{ onFound: "cancel" }, { cancelWanted: true }, { abandoned: true }] as const) {
      expect(whereTo(state, "succeeded", undone, cancels)).toBe("CANCELLING");
    }
    // What cannot be undone is taken, but for what is void.
    expect(whereTo(state, "succeeded", { onFound: "cancel", cancelWanted: true }, asksOnly)).toBe("DONE");
    expect(whereTo(state, "succeeded", { abandoned: true }, asksOnly)).toBe("MANUAL");
  },
);

test("a call that succeeds is undone only when somebody wants that", () => {
  expect(whereTo("SENDING", "succeeded", {}, blocks)).toBe("DONE");
  expect(whereTo("SENDING", "succeeded", { cancelWanted: true }, cancels)).toBe("CANCELLING");
  expect(whereTo("SENDING", "succeeded", { cancelWanted: true }, asksOnly)).toBe("DONE");
});

test("a person who looks at a cancel that went wrong is not overtaken by what is learnt", () => {
  for (const evidence of ["succeeded", "refused"] as const) {
    expect(whereTo("MANUAL", evidence, { intent: "CANCEL" }, blocks)).toBe("MANUAL");
    expect(whereTo("MANUAL", evidence, { personOnly: true }, blocks)).toBe("MANUAL");
    expect(whereTo("MANUAL", evidence, {}, blocks)).toBe(evidence === "refused" ? "FAILED" : "DONE");
  }
});

test("what ends as cancelled was meant to be, from then on", () => {
  expect(operationStates.filter((to) => intentAfter("EXECUTE", to) === "CANCEL")).toEqual([
    "CANCELLING",
    "CANCELLED",
  ]);
});

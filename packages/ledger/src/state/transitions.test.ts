import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plainFacts } from "../../test/support/plain-facts.ts";
import {
  decide,
  dueStates,
  type EvidenceKind,
  evidenceKinds,
  intentAfter,
  type OperationFacts,
  type OperationState,
  openStates,
  operationStates,
  operationTable,
  type ProviderFacts,
  settledStates,
  type Transition,
} from "./transitions.ts";

const settled: readonly OperationState[] = settledStates;
const both = [false, true];

/** Every combination of the given choices. */
function* product<T extends object>(choices: { readonly [K in keyof T]: readonly T[K][] }): Generator<T> {
  const names = Object.keys(choices) as (keyof T)[];
  function* from(index: number, made: Partial<T>): Generator<T> {
    const name = names[index];
    if (name === undefined) yield made as T;
    else for (const value of choices[name]) yield* from(index + 1, { ...made, [name]: value });
  }
  yield* from(0, {});
}

const providers: readonly ProviderFacts[] = [
  ...product<ProviderFacts>({ canInquire: both, canCancel: both, cancelBlocksLateOriginal: both }),
].filter(({ canCancel, cancelBlocksLateOriginal }) => canCancel || !cancelBlocksLateOriginal);

const allFacts: Omit<{ readonly [K in keyof OperationFacts]: readonly OperationFacts[K][] }, "state"> = {
  intent: ["EXECUTE", "CANCEL"],
  inDoubt: both,
  refused: both,
  resendRefused: both,
  cancelWanted: both,
  abandoned: both,
  personOnly: both,
  anotherProvider: both,
  quietEnded: both,
  inFlightEnded: both,
  keyOpen: both,
  overdue: both,
  onNotFound: ["cancel", "resend", "fail", "manual"],
  onFound: ["complete", "cancel"],
  first: ["inquire", "cancel"],
};

/** The facts that the rules of a pair look at, so that only those are multiplied. */
function readBy(state: OperationState, evidence: EvidenceKind): ReadonlySet<string> {
  const read = new Set<string>();
  const seen = (facts: OperationFacts): OperationFacts =>
    new Proxy(facts, {
      get(target, name) {
        read.add(String(name));
        return Reflect.get(target, name);
      },
    });
  // A guard may stop at its first false part, so it is asked with every value of what it has read so far.
  for (let known = -1; known < read.size; ) {
    known = read.size;
    const choices = Object.fromEntries(
      Object.entries(allFacts).map(([name, values]) => [
        name,
        read.has(name) ? values : [Reflect.get(plainFacts, name)],
      ]),
    ) as unknown as typeof allFacts;
    for (const facts of product<Omit<OperationFacts, "state">>(choices))
      for (const provider of providers) decide(seen({ ...facts, state }), evidence, provider);
  }
  return read;
}

function* everyCase(): Generator<[OperationFacts, EvidenceKind, ProviderFacts]> {
  for (const state of operationStates) {
    for (const evidence of evidenceKinds) {
      if (operationTable[state][evidence] === undefined) continue;
      const read = readBy(state, evidence);
      const choices = Object.fromEntries(
        Object.entries(allFacts).map(([name, values]) => [
          name,
          read.has(name) ? values : [Reflect.get(plainFacts, name)],
        ]),
      ) as unknown as typeof allFacts;
      for (const facts of product<Omit<OperationFacts, "state">>(choices))
        for (const provider of providers) yield [{ ...facts, state }, evidence, provider];
    }
  }
}

/** Every case that the table has, with where it leads. What a pair's rules do not look at stays as it is. */
const moves: [OperationFacts, EvidenceKind, ProviderFacts, Transition][] = [...everyCase()].map(
  ([facts, evidence, provider]) => [facts, evidence, provider, decide(facts, evidence, provider)],
);

test("every state is either open or settled, and of the open ones only MANUAL waits for a person", () => {
  expect([...openStates, ...settledStates].sort()).toEqual([...operationStates].sort());
  expect(openStates.filter((state) => !dueStates.some((due) => due === state))).toEqual(["MANUAL"]);
});

test("every pair of state and evidence either has a move or is refused", () => {
  const provider = providers[0] as ProviderFacts;
  for (const state of operationStates) {
    for (const evidence of evidenceKinds) {
      if (operationTable[state][evidence] !== undefined) continue;
      expect(() => decide({ ...plainFacts, state }, evidence, provider)).toThrow(
        `${state} cannot take "${evidence}"`,
      );
    }
  }
  expect(moves.length).toBeGreaterThan(1_000);
});

test("every list of rules ends with one that always holds, and every rule can be reached", () => {
  for (const state of operationStates) {
    for (const [evidence, rules] of Object.entries(operationTable[state])) {
      expect(rules.at(-1)?.when, `${state} ${evidence}`).toBeUndefined();
      expect(rules.slice(0, -1).every(({ when }) => when !== undefined)).toBe(true);
      for (const rule of rules) {
        const taken = moves.some(
          ([facts, kind, , move]) =>
            facts.state === state &&
            kind === evidence &&
            move.to === rule.to &&
            move.nextProvider === (rule.nextProvider ?? false),
        );
        expect(taken, `${state} ${evidence} -> ${rule.to}`).toBe(true);
      }
    }
  }
});

test("the table is printed in the documentation as it is", () => {
  const lines = operationStates.flatMap((state) =>
    Object.entries(operationTable[state]).flatMap(([evidence, rules]) =>
      rules.map(
        ({ when, to, business, nextProvider }) =>
          `| ${state} | ${evidence} | ${when ?? ""} | ${to}${nextProvider ? ", next provider" : ""} | ${business ?? ""} |`,
      ),
    ),
  );
  const printed = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const table = printed.slice(printed.search(/\| from +\|/), printed.indexOf("<!-- end of table -->"));
  const rows = table.trim().split("\n").slice(2);
  const bare = (line: string): string => line.replaceAll(/ +/g, " ");
  expect(rows.map(bare)).toEqual(lines.map(bare));
});

test("the next provider is asked only when the last send, and no earlier one, had no effect", () => {
  for (const [facts, evidence, , move] of moves) {
    if (!move.nextProvider) continue;
    expect([facts.state, evidence, facts.inDoubt]).toEqual(["SENDING", "noEffect", false]);
  }
});

test("an operation fails only on proof that nothing took effect", () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (move.to !== "FAILED" || facts.state === "FAILED") continue;
    const isProof =
      evidence === "refused" ||
      evidence === "operatorAbandoned" ||
      (evidence === "noEffect" && !facts.inDoubt) ||
      (evidence === "notFound" && facts.inFlightEnded && provider.canInquire);
    expect(isProof, `${facts.state} ${evidence}`).toBe(true);
  }
});

test("there is no way back from cancelling, and the intent never returns", () => {
  for (const [facts, , , move] of moves) {
    if (facts.state === "CANCELLING") expect(["CANCELLING", "CANCELLED", "MANUAL"]).toContain(move.to);
  }
  for (const to of operationStates) expect(intentAfter("CANCEL", to)).toBe("CANCEL");
  expect(intentAfter("EXECUTE", "CANCELLING")).toBe("CANCEL");
  expect(intentAfter("EXECUTE", "UNKNOWN")).toBe("EXECUTE");
});

test("nothing is sent again once the key's window is over, or a person has to know", () => {
  for (const [facts, evidence, , move] of moves) {
    if (facts.state !== "UNKNOWN" || move.to !== "SENDING") continue;
    expect([evidence, facts.keyOpen, facts.onNotFound, facts.quietEnded, facts.overdue]).toEqual([
      "notFound",
      true,
      "resend",
      true,
      false,
    ]);
  }
});

test('"not found" is acted upon only after the quiet period, and cancelled only where that stops a late original, or there is none', () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (evidence !== "notFound" || move.to !== "CANCELLING") continue;
    if (facts.inFlightEnded && !provider.cancelBlocksLateOriginal) continue;
    expect(provider.cancelBlocksLateOriginal).toBe(true);
    expect(facts.quietEnded || facts.inFlightEnded || facts.cancelWanted || facts.first === "cancel").toBe(
      true,
    );
  }
});

test("what somebody cancels before the commit is never sent, or sent on, from then on", () => {
  for (const [facts, evidence, , move] of moves) {
    if (!facts.cancelWanted || evidence === "cancelRequested") continue;
    expect([facts.state, evidence, move.nextProvider]).toEqual([facts.state, evidence, false]);
    if (facts.state !== "SENDING") expect(move.to).not.toBe("SENDING");
  }
});

test("what somebody cancels is undone wherever the provider can, and committed only where it cannot", () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (!facts.cancelWanted || evidence !== "succeeded" || move.to !== "DONE") continue;
    expect(provider.canCancel).toBe(false);
  }
});

test("a voided business row is never committed, and its operation never sent, except on a person's word", () => {
  for (const [facts, evidence, , move] of moves) {
    if (!facts.abandoned || facts.state === "SENDING" || facts.state === "READY") continue;
    if (evidence === "operatorCommitted") continue;
    expect(["DONE", "SENDING"], `${facts.state} ${evidence}`).not.toContain(move.to);
  }
});

test("nothing that is learnt takes an operation from a person who has to look at more than one effect", () => {
  for (const [facts, evidence, , move] of moves) {
    if (facts.state !== "MANUAL" || !facts.personOnly) continue;
    if (["succeeded", "refused", "strayEffect"].includes(evidence)) expect(move.to).toBe("MANUAL");
  }
});

test("a commit is undone on request only, and only where the provider can; what contradicts it goes to a person", () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (facts.state !== "DONE") continue;
    const asked = provider.canCancel ? "CANCELLING" : "DONE";
    expect(move).toMatchObject({
      to: evidence === "cancelRequested" ? asked : "MANUAL",
      business: undefined,
    });
  }
});

test("a second send that was refused is cancelled exactly where that stops the first", () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (facts.state !== "SENDING" || evidence !== "noEffect" || !facts.inDoubt) continue;
    const cancels = facts.refused && provider.cancelBlocksLateOriginal;
    expect(move.to).toBe(cancels ? "CANCELLING" : "UNKNOWN");
  }
});

test("a person's retry goes back to asking or to cancelling, as was intended, and never to sending", () => {
  for (const [facts, evidence, , move] of moves) {
    if (evidence !== "operatorRetry") continue;
    if (facts.state === "MANUAL") expect(move.to).toBe(facts.intent === "CANCEL" ? "CANCELLING" : "UNKNOWN");
    else expect(move.to).toBe(facts.state);
  }
});

test("the business row changes exactly with the moves that settle an operation", () => {
  for (const [facts, , , move] of moves) {
    const settles = settled.includes(move.to) && !settled.includes(facts.state);
    expect(move.business !== undefined).toBe(settles);
    if (move.business !== undefined) expect(move.business === "commit").toBe(move.to === "DONE");
  }
});

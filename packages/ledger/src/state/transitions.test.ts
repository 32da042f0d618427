import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  type CancelFacts,
  decide,
  dueStates,
  type EvidenceKind,
  evidenceKinds,
  type Intent,
  intentAfter,
  type NotFoundPolicy,
  type OperationFacts,
  type OperationState,
  openStates,
  operationStates,
  operationTable,
  settledStates,
  type Transition,
} from "./transitions.ts";

const settled: readonly OperationState[] = settledStates;

function* everyCase(): Generator<[OperationFacts, EvidenceKind, CancelFacts]> {
  const both = [false, true];
  for (const state of operationStates)
    for (const evidence of evidenceKinds)
      for (const onNotFound of ["cancel", "resend", "manual"] satisfies NotFoundPolicy[])
        for (const inDoubt of both)
          for (const refused of both)
            for (const intent of ["EXECUTE", "CANCEL"] satisfies Intent[])
              for (const anotherProvider of both)
                for (const quietEnded of both)
                  for (const keyOpen of both)
                    for (const overdue of both)
                      for (const canCancel of both)
                        for (const cancelBlocksLateOriginal of canCancel ? both : [false])
                          yield [
                            {
                              state,
                              intent,
                              onNotFound,
                              inDoubt,
                              refused,
                              anotherProvider,
                              quietEnded,
                              keyOpen,
                              overdue,
                            },
                            evidence,
                            { canCancel, cancelBlocksLateOriginal },
                          ];
}

/** Every case that the table has, with where it leads. */
const moves: [OperationFacts, EvidenceKind, CancelFacts, Transition][] = [...everyCase()]
  .filter(([facts, evidence]) => operationTable[facts.state][evidence] !== undefined)
  .map(([facts, evidence, provider]) => [facts, evidence, provider, decide(facts, evidence, provider)]);

test("every state is either open or settled, and of the open ones only MANUAL waits for a person", () => {
  expect([...openStates, ...settledStates].sort()).toEqual([...operationStates].sort());
  expect(openStates.filter((state) => !dueStates.some((due) => due === state))).toEqual(["MANUAL"]);
});

test("every pair of state and evidence either has a move or is refused", () => {
  const [facts, , provider] = everyCase().next().value as [OperationFacts, EvidenceKind, CancelFacts];
  for (const state of operationStates) {
    for (const evidence of evidenceKinds) {
      if (operationTable[state][evidence] !== undefined) continue;
      expect(() => decide({ ...facts, state }, evidence, provider)).toThrow(
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
  for (const [facts, evidence, , move] of moves) {
    if (move.to !== "FAILED" || facts.state === "FAILED") continue;
    expect(evidence === "refused" || (evidence === "noEffect" && !facts.inDoubt)).toBe(true);
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

test('"not found" is acted upon only after the quiet period, and cancelled only where that stops a late original', () => {
  for (const [facts, evidence, provider, move] of moves) {
    if (evidence !== "notFound" || move.to !== "CANCELLING") continue;
    expect([facts.quietEnded, provider.cancelBlocksLateOriginal]).toEqual([true, true]);
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

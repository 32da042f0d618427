import { describe, expect, test } from "vitest";
import { decideSaga, type SagaFacts, type StepFacts } from "../../../src/saga/decide.ts";
import { exploreSaga } from "./steps.ts";
import type { SagaRules, StepRule } from "./world.ts";

const step = (name: string, needs: readonly string[], undo: StepRule["undo"], pivot = false): StepRule => ({
  name,
  needs,
  undo,
  pivot,
});

const inTurn = [step("a", [], "cancel"), step("b", ["a"], "operation")];
const three = [step("a", [], "cancel"), step("b", ["a"], "cancel"), step("c", ["a", "b"], "cancel")];
const sideBySide = [step("a", [], "cancel"), step("b", [], "operation")];
const fork = [step("a", [], "cancel"), step("b", ["a"], "cancel"), step("c", ["a"], "operation")];
const withPivot = [step("a", [], "cancel"), step("p", ["a"], "none", true), step("c", ["a", "p"], "none")];

const rules = (steps: readonly StepRule[], more: Partial<SagaRules> = {}): SagaRules => ({
  steps,
  refusals: 1,
  persons: 1,
  claims: 2,
  decide: decideSaga,
  ...more,
});

describe("two workers, lost leases, crashes, steps that end in every way, a person, a user who cancels", () => {
  const right: readonly [string, readonly StepRule[], Partial<SagaRules>?][] = [
    ["two steps, one undone by an operation of its own", inTurn],
    ["three steps", three],
    ["two side by side", sideBySide],
    // A person's part in it is the same whatever the shape; two side by side have it.
    ["a step, then two side by side", fork, { persons: 0 }],
    ["a point of no return", withPivot],
  ];
  test.each(right)(
    "%s: all of it stands in the end, or nothing, and there always is an end",
    (_, steps, more = {}) => {
      const { counterexample, stuck, ends, states } = exploreSaga(rules(steps, more));
      expect(counterexample).toBeUndefined();
      expect(stuck).toBe(0);
      expect(ends).toEqual(["COMPENSATED", "DONE"]);
      expect(states).toBeGreaterThan(500);
    },
  );
});

/** A decision made of facts that are not so. */
const believing =
  (change: (each: StepFacts, facts: SagaFacts) => Partial<StepFacts>): typeof decideSaga =>
  (facts) =>
    decideSaga({ ...facts, steps: facts.steps.map((each) => ({ ...each, ...change(each, facts) })) });

const backwardOnly =
  (change: (each: StepFacts) => Partial<StepFacts>): typeof decideSaga =>
  (facts) =>
    facts.intent === "CANCEL" ? believing(change)(facts) : decideSaga(facts);

describe("what is left out breaks it, and the model sees it", () => {
  const wrong: readonly [string, string, SagaRules][] = [
    ["no fence on the saga's row", "begun while its operation may stand", rules(inTurn, { unfenced: true })],
    [
      "a step that is stored before the saga's row says so",
      "begun while its operation may stand",
      rules(inTurn, { apart: true }),
    ],
    [
      "a step whose outcome is unknown taken as done",
      "begun before what it needs",
      rules(inTurn, {
        decide: believing(({ standing }) => (standing === "open" ? { standing: "done" } : {})),
      }),
    ],
    [
      "compensation while a step is unknown",
      "undone while a step is unknown",
      rules(sideBySide, {
        decide: backwardOnly(({ standing, asked }) =>
          standing === "open" && asked ? { standing: "undoing" } : {},
        ),
      }),
    ],
    [
      "a step that waits for a person taken as refused",
      "COMPENSATED, and something of it may stand",
      rules(inTurn, {
        decide: believing(({ unsure }) => (unsure ? { standing: "gone", unsure: false } : {})),
      }),
    ],
    [
      "compensation in the order of the steps",
      "undone before what needs it",
      rules(three, { decide: backwardOnly(() => ({ needs: [] })) }),
    ],
    [
      "an end before the last undoing is answered",
      "COMPENSATED, and something of it may stand",
      rules(inTurn, {
        decide: backwardOnly(({ standing }) => (standing === "undoing" ? { standing: "gone" } : {})),
      }),
    ],
    [
      "turning back although the pivot may have taken effect",
      "undone while a step is unknown",
      rules(withPivot, {
        decide: (facts) =>
          decideSaga({
            ...facts,
            steps: facts.steps.map((each) =>
              each.pivot && each.standing === "open" && facts.cancelWanted
                ? { ...each, standing: "gone" }
                : each,
            ),
          }),
      }),
    ],
    [
      "asking a pivot not to take effect, and undoing it because it has by then",
      "undone beyond the pivot",
      rules([step("a", [], "cancel"), step("p", ["a"], "cancel", true), step("c", ["a", "p"], "none")], {
        asksCommitted: true,
      }),
    ],
    [
      "turning back beyond the pivot",
      "undone beyond the pivot",
      rules(withPivot, {
        decide: believing(({ name, standing }, { cancelWanted }) =>
          name === "p" && standing === "done" && cancelWanted ? { standing: "gone", pivot: false } : {},
        ),
      }),
    ],
    [
      "a turn that is kept in memory only",
      "DONE, and not every step stands",
      rules(three, { turnForgotten: true }),
    ],
  ];
  test.each(wrong)("%s: %s", (_, ends, broken) => {
    const { counterexample } = exploreSaga(broken);
    expect(counterexample?.at(-1)).toBe(ends);
  });
});

import { type SagaDecision, type SagaFacts, standingOf } from "../../../src/saga/decide.ts";
import { wrongBegin, wrongUndo } from "./judge.ts";
import {
  type Action,
  type Doing,
  idle,
  type SagaRules,
  type SagaWorker,
  type SagaWorld,
  stepOf,
  withStep,
} from "./world.ts";

interface Step {
  readonly what: string;
  readonly to: SagaWorld;
}

export function* workerSteps(world: SagaWorld, rules: SagaRules, index: number): Generator<Step> {
  const worker = world.workers[index] ?? idle;
  const name = `worker ${index}`;
  const become = (to: SagaWorld, next: SagaWorker): SagaWorld => ({
    ...to,
    workers: to.workers.map((each, other) => (other === index ? next : each)),
  });
  if (worker.at === "idle") {
    const ended = world.state === "DONE" || world.state === "COMPENSATED";
    if (ended || world.held || world.claims >= rules.claims) return;
    const fence = world.fence + 1;
    const claimed = { ...world, fence, held: true, claims: world.claims + 1 };
    const decided = deciding(claimed, rules, fence, world.intent);
    yield { what: `${name} claims, and is to ${describe(decided.action)}`, to: become(claimed, decided) };
    return;
  }
  yield { what: `${name} crashes`, to: become(world, idle) };
  const { action, fence, intent } = worker;
  // It decides again at once; that others move meanwhile is seen between a decision and what is done about it.
  const goOn = (to: SagaWorld, knows = intent): SagaWorld => become(to, deciding(to, rules, fence, knows));
  const mine = fence === world.fence || rules.unfenced === true;
  if (action.do === "ask" || action.do === "cancel") {
    // Operations have fences of their own, and that it turned back is durable: this needs none of the saga's.
    let after = world;
    for (const step of action.steps) {
      after =
        action.do === "ask" && rules.asksCommitted !== true
          ? asked(after, step)
          : cancelled(after, rules, step);
    }
    yield { what: `${name} does ${describe(action)}`, to: goOn(after) };
    return;
  }
  if (!mine) {
    yield { what: `${name} finds the saga taken`, to: become(world, idle) };
    return;
  }
  yield { what: `${name} does ${describe(action)}`, to: written(world, rules, worker, become, goOn) };
}

function written(
  world: SagaWorld,
  rules: SagaRules,
  { action, fence, intent }: Extract<SagaWorker, { at: "acting" }>,
  become: (to: SagaWorld, next: SagaWorker) => SagaWorld,
  goOn: (to: SagaWorld, intent?: SagaWorld["intent"]) => SagaWorld,
): SagaWorld {
  switch (action.do) {
    case "begin": {
      const begun = begin(world, rules, action.steps, rules.apart !== true);
      if (rules.apart !== true) return goOn(begun);
      // Two commits; a crash in between is a step of its own.
      return become(begun, { at: "acting", fence, intent, action: { do: "record", steps: action.steps } });
    }
    case "record": {
      let after = world;
      for (const step of action.steps) {
        const { doing } = stepOf(after, step);
        if (doing !== null) after = withStep(after, step, { doing: { ...doing, recorded: true } });
      }
      return goOn(after);
    }
    case "undo": {
      let after = world;
      for (const step of action.steps) {
        const wrong = after.wrong ?? wrongUndo(after, rules, step);
        after = { ...withStep(after, step, { undoing: "UNKNOWN" }), wrong };
      }
      return goOn(after);
    }
    case "turn":
      if (rules.turnForgotten === true) return goOn(world, "CANCEL");
      return goOn({ ...world, intent: "CANCEL", state: "COMPENSATING" }, "CANCEL");
    case "end":
      return become({ ...world, state: action.as, held: false }, idle);
    case "giveBack":
      return become({ ...world, state: action.state, held: false }, idle);
    default:
      throw new Error(`${action.do} is not a write of the saga`);
  }
}

/** A worker that reads, and knows what to do. */
function deciding(
  world: SagaWorld,
  rules: SagaRules,
  fence: number,
  known: SagaWorld["intent"],
): Extract<SagaWorker, { at: "acting" }> {
  const intent = rules.turnForgotten === true ? known : world.intent;
  return {
    at: "acting",
    fence,
    intent,
    action: actionOf(rules.decide(factsOf(world, rules, intent)), rules),
  };
}

function factsOf(world: SagaWorld, rules: SagaRules, intent: SagaWorld["intent"]): SagaFacts {
  return {
    intent,
    cancelWanted: world.cancelWanted,
    steps: rules.steps.map(({ name, needs, pivot, undo }) => {
      const { doing, undoing } = stepOf(world, name);
      const known = doing?.recorded === true ? doing : undefined;
      return {
        ...{ name, needs, pivot, undoable: undo !== "none", rejected: false, again: "now" },
        ...standingOf(known, undoing ?? undefined),
        asked: known?.asked ?? false,
      } as const;
    }),
  };
}

/** As the runtime acts on a decision. */
function actionOf({ state, turn, begin: begins, ask, undo }: SagaDecision, rules: SagaRules): Action {
  if (state === "DONE" || state === "COMPENSATED") return { do: "end", as: state };
  if (turn !== undefined) return { do: "turn" };
  const own = (name: string): boolean => rules.steps.find((step) => step.name === name)?.undo === "operation";
  if (ask.length > 0) return { do: "ask", steps: ask };
  const cancels = undo.filter((name) => !own(name));
  if (cancels.length > 0) return { do: "cancel", steps: cancels };
  if (begins.length > 0) return { do: "begin", steps: begins };
  return undo.length > 0 ? { do: "undo", steps: undo } : { do: "giveBack", state };
}

function begin(world: SagaWorld, rules: SagaRules, names: readonly string[], recorded: boolean): SagaWorld {
  let after: SagaWorld = { ...world, wrong: world.wrong ?? wrongBegin(world, rules, names) };
  const fresh: Doing = { state: "UNKNOWN", intent: "EXECUTE", asked: false, recorded };
  for (const name of names) after = withStep(after, name, { doing: fresh });
  return after;
}

/** What may yet take effect is marked. What has taken effect meanwhile is left as it is. */
function asked(world: SagaWorld, name: string): SagaWorld {
  const { doing } = stepOf(world, name);
  const isPersons = doing?.state === "MANUAL" && doing.intent === "EXECUTE";
  if (doing === null || (doing.state !== "UNKNOWN" && !isPersons)) return world;
  return withStep(world, name, { doing: { ...doing, state: "UNKNOWN", asked: true } });
}

/** What stands will be undone. */
function cancelled(world: SagaWorld, rules: SagaRules, name: string): SagaWorld {
  const { doing } = stepOf(world, name);
  if (doing?.state !== "DONE") return asked(world, name);
  const undoing: Doing = { ...doing, state: "CANCELLING", intent: "CANCEL", asked: true };
  return {
    ...withStep(world, name, { doing: undoing }),
    wrong: world.wrong ?? wrongUndo(world, rules, name),
  };
}

function describe(action: Action): string {
  return "steps" in action ? `${action.do} ${action.steps.join(", ")}` : action.do;
}

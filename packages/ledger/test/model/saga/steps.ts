import type { OperationState } from "../../../src/state/transitions.ts";
import { type Exploration, explore } from "../explore.ts";
import { end, violation } from "./judge.ts";
import { workerSteps } from "./workers.ts";
import { firstSaga, type SagaRules, type SagaWorld, stepOf, withStep } from "./world.ts";

interface Step {
  readonly what: string;
  readonly to: SagaWorld;
}

/** Every world of one saga under these rules. */
export const exploreSaga = (rules: SagaRules): Exploration =>
  explore<SagaWorld>({
    first: firstSaga(rules),
    steps: function* (world) {
      for (const { what, to } of steps(world, rules)) yield { what, to: inOrder(to) };
    },
    violation: (world) => violation(world, rules),
    end,
    isCutOff: ({ claims }) => claims >= rules.claims,
  });

function* steps(world: SagaWorld, rules: SagaRules): Generator<Step> {
  for (const index of world.workers.keys()) yield* workerSteps(world, rules, index);
  if (world.held) yield { what: "the lease ends", to: { ...world, held: false } };
  if (!world.cancelWanted && end(world) === undefined) {
    // Whoever has it loses it.
    const to = { ...world, cancelWanted: true, fence: world.fence + 1, held: false };
    yield { what: "somebody cancels it", to: { ...to, claims: Math.max(0, world.claims - 1) } };
  }
  for (const { name, undo } of rules.steps) {
    yield* operationSteps(world, rules, name, undo === "cancel");
    yield* undoSteps(world, rules, name);
  }
}

/** A step's operation on its way, as the ledger settles it. */
function* operationSteps(
  world: SagaWorld,
  rules: SagaRules,
  name: string,
  canCancel: boolean,
): Generator<Step> {
  const { doing } = stepOf(world, name);
  if (doing === null) return;
  const become = (state: OperationState, change: Partial<SagaWorld> = {}, more: object = {}): Step => ({
    what: `${name}: ${state}`,
    to: news({ ...withStep(world, name, { doing: { ...doing, state, ...more } }), ...change }),
  });
  const refused = { refusals: world.refusals + 1 };
  const handedOver = { persons: world.persons + 1 };
  if (doing.state === "UNKNOWN") {
    // What is to be undone is not committed where the provider can undo it.
    if (!doing.asked || !canCancel) yield become("DONE");
    if (doing.asked && canCancel) yield become("CANCELLING", {}, { intent: "CANCEL" });
    if (world.refusals < rules.refusals || doing.asked) yield become("FAILED", refused);
    if (world.persons < rules.persons) yield become("MANUAL", handedOver);
  }
  if (doing.state === "CANCELLING") {
    yield become("CANCELLED");
    if (world.persons < rules.persons) yield become("MANUAL", handedOver);
  }
  if (doing.state === "MANUAL") {
    const undoes = doing.intent === "CANCEL";
    yield become(undoes ? "CANCELLING" : "UNKNOWN");
    yield become(undoes ? "CANCELLED" : "FAILED");
    if (!undoes) yield become("DONE");
  }
}

function* undoSteps(world: SagaWorld, rules: SagaRules, name: string): Generator<Step> {
  const { undoing } = stepOf(world, name);
  const become = (state: OperationState, change: Partial<SagaWorld> = {}): Step => ({
    what: `${name}'s undo: ${state}`,
    to: news({ ...withStep(world, name, { undoing: state }), ...change }),
  });
  if (undoing === "UNKNOWN") {
    yield become("DONE");
    if (world.refusals < rules.refusals) yield become("FAILED", { refusals: world.refusals + 1 });
    if (world.persons < rules.persons) yield become("MANUAL", { persons: world.persons + 1 });
  }
  if (undoing === "MANUAL") yield become("UNKNOWN");
}

/** News of a step are never the last: the bound on claims is for workers that come and go without any. */
function news(world: SagaWorld): SagaWorld {
  return { ...world, claims: Math.max(0, world.claims - 1) };
}

/** Workers are all alike, so that worlds which differ in their order only are one. */
function inOrder(world: SagaWorld): SagaWorld {
  const named = world.workers.map((worker) => [JSON.stringify(worker), worker] as const);
  return { ...world, workers: named.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, worker]) => worker) };
}

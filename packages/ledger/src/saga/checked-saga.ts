import {
  assertKnownKeys,
  assertObject,
  durationMs,
  functionAt,
  integerIn,
  join,
  show,
} from "@outrigger/core";
import type { AnyDefinition } from "../run/engine.ts";
import { type SagaDefinition, type SagaStep, type SagaUndo, sagaDefaults } from "./definition.ts";
import { checkedName, longest } from "./keys.ts";

// Steps of any saga meet any operation here; the types of inputs and results live in the user's code.
type AnyStep = SagaStep<unknown, unknown>;
type AnyUndo = SagaUndo<unknown, unknown>;

export interface CheckedStep<Tx> {
  readonly name: string;
  readonly operation: AnyDefinition<Tx>;
  readonly input: AnyStep["input"];
  /** Every step before it, directly or not, in the order of the saga. */
  readonly needs: readonly string[];
  readonly pivot: boolean;
  /** `"none"` beyond the pivot, where nothing is undone. */
  readonly undo:
    | "cancel"
    | "none"
    | { readonly operation: AnyDefinition<Tx>; readonly input: AnyUndo["input"] };
}

/** A saga after its checks. */
export interface CheckedSaga<Tx> {
  readonly name: string;
  readonly version: number;
  /** Each after the ones that it needs. */
  readonly steps: readonly CheckedStep<Tx>[];
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly manualAfterMs: number;
  /** As long as the longest call of a step, because whoever drives the saga waits for it. */
  readonly leaseMs: number;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedSaga<Tx, I, R>(
  name: string,
  definition: SagaDefinition<I, R>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
): CheckedSaga<Tx> {
  const path = `saga ${show(name)}`;
  checkedName("a saga's name", name, longest.saga);
  assertObject(path, definition);
  assertKnownKeys(path, definition, ["version", "steps", ...Object.keys(sagaDefaults)]);
  const { retryFirst, retryMax, manualAfter } = { ...sagaDefaults, ...definition };
  const version = integerIn(join(path, "version"), definition.version, 1, 2_147_483_647);
  const steps = checkedSteps(
    join(path, "steps"),
    definition.steps as SagaDefinition<unknown, unknown>["steps"],
    definitionOf,
  );
  return {
    name,
    version,
    steps,
    retryFirstMs: durationMs(join(path, "retryFirst"), retryFirst),
    retryMaxMs: durationMs(join(path, "retryMax"), retryMax),
    manualAfterMs: durationMs(join(path, "manualAfter"), manualAfter),
    leaseMs: Math.max(
      ...steps.flatMap(({ operation, undo }) => [
        operation.leaseMs,
        typeof undo === "string" ? 0 : undo.operation.leaseMs,
      ]),
    ),
  };
}

interface Declared {
  readonly path: string;
  readonly step: AnyStep;
  readonly needs: readonly string[];
}

function checkedSteps<Tx>(
  path: string,
  given: SagaDefinition<unknown, unknown>["steps"],
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
): readonly CheckedStep<Tx>[] {
  const ordered = inOrder(path, declaredSteps(path, given));
  const pivot = pivotOf(path, ordered);
  return ordered.map(({ path: at, step, needs }) => {
    const operation = operationAt(join(at, "operation"), step.operation, definitionOf);
    const isBeyond =
      pivot !== undefined && (step.name === pivot.step.name || needs.includes(pivot.step.name));
    const isLast = ordered.every((each) => each.step.name === step.name || needs.includes(each.step.name));
    const undo = undoOf(at, step, operation, definitionOf);
    if (undo === "none" && !isBeyond && !(isLast && pivot === undefined)) {
      throw new TypeError(
        `${at} has no way back: operation ${show(operation.name)} has a provider without cancel; give the step an undo ` +
          "(an operation such as a refund), or let it be the pivot or come after it",
      );
    }
    return {
      name: step.name,
      operation,
      input: step.input.bind(step),
      needs,
      // A last step without a way back is one that nothing can follow.
      pivot: step === pivot?.step || (undo === "none" && !isBeyond),
      undo: isBeyond ? "none" : undo,
    };
  });
}

/** The steps as they are written, each with the ones that it names, or those of the group before. */
function declaredSteps(path: string, given: SagaDefinition<unknown, unknown>["steps"]): readonly Declared[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new TypeError(`${path} must be a list of at least one step`);
  const declared: Declared[] = [];
  let before: readonly string[] = [];
  for (const [index, each] of given.entries()) {
    const group: readonly AnyStep[] = Array.isArray(each) ? each : [each as AnyStep];
    if (group.length === 0) throw new TypeError(`${path}[${index}] is a group without a step`);
    for (const [place, step] of group.entries()) {
      const at = `${path}[${index}]${Array.isArray(each) ? `[${place}]` : ""}`;
      assertObject(at, step);
      assertKnownKeys(at, step, ["name", "operation", "input", "needs", "pivot", "undo"]);
      checkedName(join(at, "name"), step.name, longest.step);
      if (declared.some((other) => other.step.name === step.name)) {
        throw new TypeError(`${join(at, "name")}: there are two steps of the name ${show(step.name)}`);
      }
      functionAt(join(at, "input"), step.input);
      if (step.pivot !== undefined && typeof step.pivot !== "boolean") {
        throw new TypeError(`${join(at, "pivot")} must be true or false; got ${show(step.pivot)}`);
      }
      declared.push({ path: at, step, needs: step.needs ?? before });
    }
    before = group.map(({ name }) => name);
  }
  return declared;
}

/** Each after those that it needs, with all of them, directly or not. */
function inOrder(path: string, declared: readonly Declared[]): readonly Declared[] {
  const known = new Set(declared.map(({ step }) => step.name));
  for (const { path: at, needs } of declared) {
    if (!Array.isArray(needs))
      throw new TypeError(`${join(at, "needs")} must be a list of steps' names; got ${show(needs)}`);
    for (const name of needs) {
      if (!known.has(name)) throw new RangeError(`${join(at, "needs")}: there is no step ${show(name)}`);
    }
  }
  const ordered = new Map<string, Declared>();
  while (ordered.size < declared.length) {
    const ready = declared.filter(
      ({ step, needs }) => !ordered.has(step.name) && needs.every((each) => ordered.has(each)),
    );
    if (ready.length === 0) {
      const left = declared.filter(({ step }) => !ordered.has(step.name)).map(({ step }) => show(step.name));
      throw new TypeError(`${path}: ${left.join(", ")} wait for each other; take one of their needs away`);
    }
    for (const each of ready) {
      const all = new Set(each.needs.flatMap((name) => [...(ordered.get(name)?.needs ?? []), name]));
      ordered.set(each.step.name, { ...each, needs: [...ordered.keys()].filter((name) => all.has(name)) });
    }
  }
  return [...ordered.values()];
}

function pivotOf(path: string, steps: readonly Declared[]): Declared | undefined {
  const [pivot, another] = steps.filter(({ step }) => step.pivot === true);
  if (another !== undefined)
    throw new TypeError(`${another.path} is a second pivot; a saga has one point of no return`);
  const beside = steps.find(
    ({ step, needs }) =>
      pivot !== undefined &&
      step !== pivot.step &&
      !needs.includes(pivot.step.name) &&
      !pivot.needs.includes(step.name),
  );
  if (beside !== undefined) {
    throw new TypeError(
      `${path}: ${show(beside.step.name)} is neither before nor after the pivot ${show(pivot?.step.name)}, so nobody could say ` +
        "whether it may be undone; order them",
    );
  }
  return pivot;
}

function operationAt<Tx>(
  path: string,
  given: unknown,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
): AnyDefinition<Tx> {
  const name: unknown = typeof given === "object" && given !== null ? Reflect.get(given, "name") : undefined;
  const definition = typeof name === "string" ? definitionOf(name) : undefined;
  if (definition !== undefined) return definition;
  throw new TypeError(
    `${path} must be an operation of this ledger, as ledger.operation makes it; got ${show(name ?? given)}`,
  );
}

function undoOf<Tx>(
  at: string,
  step: AnyStep,
  operation: AnyDefinition<Tx>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
): CheckedStep<Tx>["undo"] {
  if (step.undo === undefined) {
    return [...operation.providers.values()].every(({ canCancel }) => canCancel) ? "cancel" : "none";
  }
  const path = join(at, "undo");
  assertObject(path, step.undo);
  assertKnownKeys(path, step.undo, ["operation", "input"]);
  functionAt(join(path, "input"), step.undo.input);
  return {
    operation: operationAt(join(path, "operation"), step.undo.operation, definitionOf),
    input: step.undo.input.bind(step.undo),
  };
}

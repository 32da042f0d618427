import type { Intent, OperationState } from "../state/transitions.ts";

/**
 * Where a saga can be.
 *
 * - `RUNNING`: goes forward.
 * - `COMPENSATING`: turned back; what took effect is undone, in reverse order. There is no way forward again.
 * - `MANUAL`: a person has to look at one of its steps. Looked at again now and then, and goes on once that is mended.
 * - `DONE`: every step is committed. `COMPENSATED`: nothing of it stands.
 */
export const sagaStates = ["RUNNING", "COMPENSATING", "MANUAL", "DONE", "COMPENSATED"] as const;
export type SagaState = (typeof sagaStates)[number];

export type OpenSagaState = "RUNNING" | "COMPENSATING" | "MANUAL";
export const openSagaStates: readonly OpenSagaState[] = ["RUNNING", "COMPENSATING", "MANUAL"];

/**
 * How a step stands, by its operation and by the one that undoes it.
 *
 * - `untouched`: not begun.
 * - `open`: may or may not have taken effect, or will; nobody knows yet.
 * - `done`: took effect, and is not undone.
 * - `undoing`: its effect will be undone, come what may.
 * - `gone`: nothing of it stands.
 * - `stuck`: a person has to look at it.
 */
type Standing = "untouched" | "open" | "done" | "undoing" | "gone" | "stuck";

/** When something that was refused may be tried again: after its wait; `never` without a person. */
export type Again = "now" | "later" | "never";

/** What of a step's operation says how the step stands. */
export interface Doing {
  readonly state: OperationState;
  readonly intent: Intent;
}

/** How a step stands; see {@link StepFacts}. */
export function standingOf(
  done: Doing | undefined,
  undone: OperationState | undefined,
): Pick<StepFacts, "standing" | "unsure"> {
  if (done === undefined) return { standing: "untouched", unsure: false };
  const standing =
    done.state === "DONE" && undone !== undefined ? afterUndo[undone] : byOperation[done.state];
  return { standing, unsure: done.state === "MANUAL" && done.intent === "EXECUTE" };
}

const byOperation: Readonly<Record<OperationState, Standing>> = {
  READY: "open",
  SENDING: "open",
  UNKNOWN: "open",
  CANCELLING: "undoing",
  DONE: "done",
  FAILED: "gone",
  CANCELLED: "gone",
  MANUAL: "stuck",
};

/** How a step stands that is undone by an operation of its own. One that was refused has to be tried again. */
const afterUndo: Readonly<Record<OperationState, Standing>> = {
  READY: "undoing",
  SENDING: "undoing",
  UNKNOWN: "undoing",
  CANCELLING: "undoing",
  DONE: "gone",
  FAILED: "done",
  CANCELLED: "done",
  MANUAL: "stuck",
};

/** What of a step counts for a decision. */
export interface StepFacts {
  readonly name: string;
  /** Every step that must be done before it, directly or not. */
  readonly needs: readonly string[];
  /** After it has taken effect there is no turning back. */
  readonly pivot: boolean;
  /** Whether there is a way to undo it. */
  readonly undoable: boolean;
  readonly standing: Standing;
  /** Of a stuck one: whether nobody knows how it ends. Otherwise it is its undoing that is stuck. */
  readonly unsure: boolean;
  /** Whether its operation was asked to be cancelled. */
  readonly asked: boolean;
  /** Whether it could not be begun, or its undoing could not, and certainly nothing was sent. */
  readonly rejected: boolean;
  readonly again: Again;
}

export interface SagaFacts {
  readonly intent: Intent;
  readonly cancelWanted: boolean;
  /** Every step after the ones that it needs. */
  readonly steps: readonly StepFacts[];
}

/** What to do now. All that is empty means: wait for what is under way. */
export interface SagaDecision {
  readonly state: SagaState;
  /** Set where the saga turns back: the step it is for, or none where somebody wants it undone. */
  readonly turn?: { readonly step: string | undefined };
  readonly begin: readonly string[];
  /** Whose operations are asked to be cancelled before anybody knows how they end. */
  readonly ask: readonly string[];
  readonly undo: readonly string[];
}

/** The one place that says what a saga does next. Pure; the runtime and the model test share it. */
export function decideSaga(facts: SagaFacts): SagaDecision {
  return facts.intent === "CANCEL" ? backward(facts.steps) : forward(facts);
}

const nothing: Omit<SagaDecision, "state"> = { begin: [], ask: [], undo: [] };

function forward({ steps, cancelWanted }: SagaFacts): SagaDecision {
  if (steps.every(({ standing }) => standing === "done")) return { ...nothing, state: "DONE" };
  const beyond = isBeyondPivot(steps);
  const lost = steps.find(({ standing, rejected }) => standing === "gone" || rejected);
  if (!beyond && (lost !== undefined || cancelWanted)) return turnedBack(steps, lost);
  const needsPerson = steps.some(({ standing }) => standing === "stuck") || steps.some(isGivenUp);
  if (needsPerson) return { ...nothing, state: "MANUAL" };
  return { ...nothing, state: "RUNNING", begin: names(steps, (step) => mayBegin(steps, step)) };
}

/** What has gone beyond it stays there, also when a person undoes the pivot's own operation. */
function isBeyondPivot(steps: readonly StepFacts[]): boolean {
  const pivot = steps.find((step) => step.pivot);
  if (pivot === undefined) return false;
  return (
    pivot.standing === "done" ||
    steps.some(({ standing, needs }) => standing !== "untouched" && needs.includes(pivot.name))
  );
}

/** As long as the pivot may take effect it decides: it is asked not to, and waited for. */
function turnedBack(steps: readonly StepFacts[], lost: StepFacts | undefined): SagaDecision {
  const pivot = steps.find((step) => step.pivot);
  if (pivot === undefined || pivot.standing === "untouched" || pivot.standing === "gone") {
    return { ...nothing, state: "COMPENSATING", turn: { step: lost?.name } };
  }
  const state = pivot.standing === "stuck" && pivot.asked ? "MANUAL" : "RUNNING";
  return { ...nothing, state, ask: names([pivot], isToBeAsked) };
}

function backward(steps: readonly StepFacts[]): SagaDecision {
  if (steps.every(({ standing }) => standing === "untouched" || standing === "gone")) {
    return { ...nothing, state: "COMPENSATED" };
  }
  // What nobody knows the end of is settled before anything is undone.
  const unsettled = steps.filter(
    ({ standing, unsure }) => standing === "open" || (standing === "stuck" && unsure),
  );
  const undo = unsettled.length > 0 ? [] : names(steps, (step) => mayBeUndone(steps, step));
  const needsPerson = steps.some(
    (step) =>
      (step.standing === "stuck" && !isToBeAsked(step)) ||
      (step.standing === "done" && (!step.undoable || isGivenUp(step))),
  );
  return {
    ...nothing,
    state: needsPerson ? "MANUAL" : "COMPENSATING",
    ask: names(unsettled, isToBeAsked),
    undo,
  };
}

function mayBegin(steps: readonly StepFacts[], step: StepFacts): boolean {
  if (step.standing !== "untouched" && step.standing !== "gone") return false;
  if ((step.standing === "gone" || step.rejected) && step.again !== "now") return false;
  return step.needs.every((name) => steps.find((each) => each.name === name)?.standing === "done");
}

/** In reverse order: after everything that came after it. */
function mayBeUndone(steps: readonly StepFacts[], step: StepFacts): boolean {
  if (step.standing !== "done" || !step.undoable || step.again !== "now") return false;
  return steps.every(
    ({ standing, needs }) => standing === "untouched" || standing === "gone" || !needs.includes(step.name),
  );
}

function isToBeAsked({ standing, unsure, asked }: StepFacts): boolean {
  return !asked && (standing === "open" || (standing === "stuck" && unsure));
}

function isGivenUp({ standing, rejected, again }: StepFacts): boolean {
  return again === "never" && (standing !== "untouched" || rejected);
}

function names(steps: readonly StepFacts[], holds: (step: StepFacts) => boolean): readonly string[] {
  return steps.filter(holds).map(({ name }) => name);
}

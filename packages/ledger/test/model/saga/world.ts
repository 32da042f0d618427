import type { decideSaga } from "../../../src/saga/decide.ts";
import type { Intent, OperationState } from "../../../src/state/transitions.ts";

/** A step of the saga that is explored: how it is undone, if at all. */
export interface StepRule {
  readonly name: string;
  readonly needs: readonly string[];
  readonly pivot: boolean;
  readonly undo: "cancel" | "operation" | "none";
}

/** What is explored, and what is broken on purpose. */
export interface SagaRules {
  readonly steps: readonly StepRule[];
  /** How often something may be refused, may need a person, and how often a worker may take the saga. */
  readonly refusals: number;
  readonly persons: number;
  readonly claims: number;
  readonly decide: typeof decideSaga;
  /** A worker's writes carry no fence. */
  readonly unfenced?: boolean;
  /** A step's operation is stored before the saga's row says so. */
  readonly apart?: boolean;
  /** What is asked not to take effect is undone when it has by then. */
  readonly asksCommitted?: boolean;
  /** That it turned back is kept in the worker's memory only. */
  readonly turnForgotten?: boolean;
}

/** An operation of a step, as far as it counts: UNKNOWN stands for all that may yet take effect. */
export interface Doing {
  readonly state: OperationState;
  readonly intent: Intent;
  readonly asked: boolean;
  /** Whether the saga's row knows of it. */
  readonly recorded: boolean;
}

export interface StepState {
  readonly doing: Doing | null;
  readonly undoing: OperationState | null;
}

export type Action =
  | { readonly do: "begin" | "record" | "ask" | "cancel" | "undo"; readonly steps: readonly string[] }
  | { readonly do: "turn" }
  | { readonly do: "end"; readonly as: "DONE" | "COMPENSATED" }
  | { readonly do: "giveBack"; readonly state: "RUNNING" | "COMPENSATING" | "MANUAL" };

export type SagaWorker =
  | { readonly at: "idle" }
  | { readonly at: "acting"; readonly fence: number; readonly intent: Intent; readonly action: Action };

/** Everything at one moment. Plain data, so that its JSON names it. */
export interface SagaWorld {
  readonly state: "RUNNING" | "COMPENSATING" | "MANUAL" | "DONE" | "COMPENSATED";
  readonly intent: Intent;
  readonly fence: number;
  readonly cancelWanted: boolean;
  readonly held: boolean;
  readonly steps: Readonly<Record<string, StepState>>;
  readonly workers: readonly SagaWorker[];
  readonly refusals: number;
  readonly persons: number;
  readonly claims: number;
  /** What a step did that must never be done; the rest is seen in the world itself. */
  readonly wrong: string | null;
}

export const idle: SagaWorker = { at: "idle" };

export function firstSaga(rules: SagaRules): SagaWorld {
  return {
    state: "RUNNING",
    intent: "EXECUTE",
    fence: 0,
    cancelWanted: false,
    held: false,
    steps: Object.fromEntries(rules.steps.map(({ name }) => [name, { doing: null, undoing: null }])),
    workers: [idle, idle],
    refusals: 0,
    persons: 0,
    claims: 0,
    wrong: null,
  };
}

export const stepOf = (world: SagaWorld, name: string): StepState =>
  world.steps[name] ?? { doing: null, undoing: null };

export const withStep = (world: SagaWorld, name: string, to: Partial<StepState>): SagaWorld => ({
  ...world,
  steps: { ...world.steps, [name]: { ...stepOf(world, name), ...to } },
});

/** Whether its effect stands, whatever the saga's row knows of it. */
export const stands = ({ doing, undoing }: StepState): boolean =>
  doing?.state === "DONE" && undoing !== "DONE";

/** Whether nobody knows how it ends. */
export const isOpen = ({ doing }: StepState): boolean =>
  doing?.state === "UNKNOWN" || (doing?.state === "MANUAL" && doing.intent === "EXECUTE");

export const isGone = ({ doing, undoing }: StepState): boolean =>
  doing === null || doing.state === "FAILED" || doing.state === "CANCELLED" || undoing === "DONE";

import { type EvidenceKind, type OperationState, settledStates } from "../../src/state/transitions.ts";
import type { Rules } from "./rules.ts";

export interface Row {
  readonly state: OperationState;
  readonly intent: "EXECUTE" | "CANCEL";
  readonly fence: number;
  readonly inDoubt: boolean;
  readonly resendRefused: boolean;
  readonly cancelWanted: boolean;
  readonly abandoned: boolean;
  readonly personOnly: boolean;
  readonly provider: number;
}

export type Worker =
  | { readonly at: "idle" }
  | { readonly at: "sending" | "waiting" | "asking" | "cancelling"; readonly seen: Row }
  | {
      readonly at: "learnt";
      readonly seen: Row;
      readonly evidence: EvidenceKind;
      readonly refused: boolean;
      readonly over: boolean;
    };

export interface Side {
  readonly charges: number;
  readonly cancelled: number;
  readonly blocked: boolean;
  readonly told: boolean;
}

/** Everything at one moment. Plain data, so that its JSON names it. */
export interface World {
  readonly row: Row | null;
  readonly order: "none" | "pending" | "paid" | "void";
  readonly leased: boolean;
  readonly workers: readonly Worker[];
  /** Originals under way: the provider, and the worker that sent it. */
  readonly flights: readonly (readonly [provider: number, worker: number])[];
  readonly sides: readonly Side[];
  readonly started: boolean;
  readonly sends: number;
  readonly claims: number;
}

export interface Step {
  readonly what: string;
  readonly to: World;
}

export const idle: Worker = { at: "idle" };

export function firstWorld(rules: Rules): World {
  return {
    row: null,
    order: "none",
    leased: false,
    workers: [idle, idle],
    flights: [],
    sides: Array.from({ length: rules.providers }, () => ({
      charges: 0,
      cancelled: 0,
      blocked: false,
      told: false,
    })),
    started: false,
    sends: 0,
    claims: 0,
  };
}

export const active = (side: Side): number => side.charges - side.cancelled;
export const ended: readonly OperationState[] = [...settledStates, "MANUAL"];

export const isQuiet = (world: World): boolean =>
  world.flights.length === 0 && world.workers.every(({ at }) => at === "idle");

export function sideOf(world: World, row: Row): Side {
  const side = world.sides[row.provider];
  if (side === undefined) throw new Error("no such provider");
  return side;
}

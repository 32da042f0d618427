import { type OperationState, operationTable } from "../state/transitions.ts";
import type { OperationSummary } from "../store/record.ts";

/** What a person can do about an operation. */
export type PersonMove = "retry" | "cancel" | "resolve";

/** Nothing stands, so nothing can be undone. */
const nothing: readonly OperationState[] = ["FAILED", "CANCELLED"];

/**
 * What a person can do about it now: for buttons and hints, read from the table that decides it. Whether what was committed
 * can be cancelled, only a process knows that defines the operation.
 */
export function personMoves({
  state,
  cancelRequested,
}: Pick<OperationSummary, "state" | "cancelRequested">): readonly PersonMove[] {
  const retry = operationTable[state].operatorRetry !== undefined;
  const resolve = operationTable[state].operatorCommitted !== undefined;
  const asked = cancelRequested && state !== "MANUAL" && state !== "DONE";
  const cancel = !nothing.includes(state) && state !== "CANCELLING" && !asked;
  return [
    ...(retry ? (["retry"] as const) : []),
    ...(cancel ? (["cancel"] as const) : []),
    ...(resolve ? (["resolve"] as const) : []),
  ];
}

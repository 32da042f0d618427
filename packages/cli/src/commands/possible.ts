import { type OperationState, type OperationSummary, operationTable } from "@outrigger/ledger";

export type Move = "retry" | "cancel" | "resolve";

/** Nothing stands, so nothing can be undone. */
const nothing: readonly OperationState[] = ["FAILED", "CANCELLED"];

/** What a person can do about it now, read from the table that decides it. */
export function movesOf({ state, cancelRequested }: OperationSummary): readonly Move[] {
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

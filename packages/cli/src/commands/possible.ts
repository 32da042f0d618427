import { type OperationState, type OperationSummary, operationTable } from "@outrigger/ledger";

export type Move = "retry" | "cancel" | "resolve";

const ended: readonly OperationState[] = ["DONE", "FAILED", "CANCELLED"];

/** What a person can do about it now, read from the table that decides it. */
export function movesOf({ state, cancelRequested }: OperationSummary): readonly Move[] {
  const retry = operationTable[state].operatorRetry !== undefined;
  const resolve = operationTable[state].operatorCommitted !== undefined;
  const cancel = !ended.includes(state) && state !== "CANCELLING" && !(cancelRequested && state !== "MANUAL");
  return [
    ...(retry ? (["retry"] as const) : []),
    ...(cancel ? (["cancel"] as const) : []),
    ...(resolve ? (["resolve"] as const) : []),
  ];
}

import type { SagaRecord } from "@outrigger/ledger";

/** What a person can do about a saga. */
export type SagaMove = "retry" | "cancel";

export function sagaMoves({
  intent,
  cancelRequested,
  nextAt,
}: Pick<SagaRecord, "intent" | "cancelRequested" | "nextAt">): readonly SagaMove[] {
  if (nextAt === null) return [];
  return intent === "EXECUTE" && !cancelRequested ? ["retry", "cancel"] : ["retry"];
}

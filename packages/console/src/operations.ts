/** Every state of the ledger, in the order in which an operation meets them. */
export const operationStates = [
  "READY",
  "SENDING",
  "UNKNOWN",
  "CANCELLING",
  "MANUAL",
  "DONE",
  "FAILED",
  "CANCELLED",
] as const;
type OperationState = (typeof operationStates)[number];

/** What `GET /api/operations?state=OPEN&after=<id>` lists: one state, or `OPEN` for all that are not settled. */
export type OperationFilter = "OPEN" | OperationState;

export interface OperationRow {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly state: OperationState;
  readonly provider: string;
  /** ISO 8601, UTC, by the database's clock; `asOf` is its time when the row was read. */
  readonly createdAt: string;
  readonly nextAt: string | null;
  readonly asOf: string;
}

export interface OperationPage {
  readonly operations: readonly OperationRow[];
  /** What `after` takes to go on; null at the end. */
  readonly next: string | null;
}

/** What `GET /api/operations/:id` answers. */
export interface OperationDetail extends OperationRow {
  readonly attempt: number;
  readonly lastError: { readonly code: string | null; readonly message: string } | null;
  readonly history: readonly {
    readonly at: string;
    readonly from: string | null;
    readonly to: string;
    readonly why: string;
    readonly evidence: string | null;
    readonly by: string | null;
  }[];
  readonly possible: readonly ("retry" | "cancel" | "resolve")[];
}

/** What `POST /api/operations/:id/moves` asks for; its answer is the operation as it is then. */
export interface OperationMove {
  readonly move: "retry" | "cancel" | "commit" | "abandon";
  readonly reason: string;
  readonly by: string;
}

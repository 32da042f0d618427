import type { Intent, OperationState } from "../state/transitions.ts";
import type {
  ComparedOperation,
  LastError,
  Move,
  NewOperation,
  OperationRow,
  PlannedMove,
} from "./operation-row.ts";
import type { SqlRow } from "./sql-port.ts";

/** What a statement for many gets, and what its rows say. */
export interface Asked<R> {
  readonly records: readonly object[];
  readonly read: (rows: readonly SqlRow[]) => R;
}

export function insertion(
  fresh: readonly NewOperation[],
  readAtMs: number,
): Asked<readonly (OperationRow | undefined)[]> {
  // Always in the same order, so that two batches do not wait for each other.
  const sorted = [...fresh].sort((a, b) => compare(a.operation, b.operation) || compare(a.key, b.key));
  return {
    records: sorted,
    read(rows) {
      const named = new Map(rows.map((row) => [`${row["operation"]} ${row["key"]}`, row]));
      return fresh.map((each) => {
        const row = named.get(`${each.operation} ${each.key}`);
        return row === undefined ? undefined : inserted(String(row["id"]), each, readAtMs);
      });
    },
  };
}

export function moves(
  planned: readonly PlannedMove[],
  readAtMs: number,
): Asked<readonly (OperationRow | undefined)[]> {
  const sorted = planned.map(moveParameters).sort((a, b) => compare(a.id, b.id));
  return {
    records: sorted,
    read(rows) {
      const byId = new Map(rows.map((row) => [String(row["id"]), row]));
      return planned.map(({ row: before, move }) => {
        const after = byId.get(before.id);
        if (after === undefined) return undefined;
        return { ...afterMove(before, move), ...leftToKnow(after), readAtMs };
      });
    },
  };
}

/** What `insert` has stored. */
function inserted(id: string, fresh: NewOperation, readAtMs: number): OperationRow {
  const { operation, key, fingerprint, state, providers, request, keyWindowMs } = fresh;
  const sent = state === "SENDING" ? 1 : 0;
  return {
    ...{ id, operation, key, fingerprint, state, providers, request, readAtMs },
    intent: "EXECUTE",
    fence: sent,
    provider: providers[0] ?? "",
    attempt: sent,
    tries: 0,
    inDoubt: false,
    abandoned: false,
    resendRefused: false,
    personOnly: false,
    cancelWantedForMs: undefined,
    result: undefined,
    failure: undefined,
    sentForMs: 0,
    keyLeftMs: keyWindowMs ?? Number.NEGATIVE_INFINITY,
    unknownForMs: 0,
    cancellingForMs: 0,
  };
}

export const compare: (a: string, b: string) => number = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** What is known of the row because the move was made. */
function afterMove(before: OperationRow, move: Move): OperationRow {
  const { to, intent, provider, inDoubt, abandoned, resendRefused, personOnly } = move;
  const { result = before.result, failure = before.failure } = move;
  const attempt = before.attempt + (to === "SENDING" ? 1 : 0);
  return {
    ...{ ...before, state: to, intent, provider, inDoubt, abandoned, resendRefused, personOnly },
    ...{ result, failure, attempt },
  };
}

/** What the statement `move` takes for one row. */
function moveParameters({
  row,
  move,
}: PlannedMove): { readonly id: string } & Readonly<Record<string, unknown>> {
  const { error, ...rest } = move;
  return {
    ...rest,
    id: row.id,
    fence: row.fence,
    cancelKnown: row.cancelWantedForMs !== undefined,
    noted: move.from !== move.to || row.provider !== move.provider || move.by !== undefined,
    answered: isAnswer(move),
    failed: error !== undefined,
    errorCode: error?.code,
    errorMessage: error?.message,
  };
}

/** All that is to be told of the end that nearly every operation comes to. */
function isAnswer({ from, to, why, evidence, by }: Move): boolean {
  return from === "SENDING" && to === "DONE" && why === "succeeded" && (evidence ?? by) === undefined;
}

type Moving = Omit<
  OperationRow,
  "operation" | "key" | "fingerprint" | "providers" | "request" | "result" | "failure" | "readAtMs"
>;

type LeftToKnow = Pick<
  OperationRow,
  "tries" | "cancelWantedForMs" | "sentForMs" | "keyLeftMs" | "unknownForMs" | "cancellingForMs"
>;

export function moved(row: SqlRow): Moving {
  return {
    ...leftToKnow(row),
    id: String(row["id"]),
    state: row["state"] as OperationState,
    intent: row["intent"] as Intent,
    fence: Number(row["fence"]),
    provider: String(row["provider"]),
    attempt: Number(row["attempt"]),
    inDoubt: row["in_doubt"] === "yes",
    abandoned: row["abandoned"] === "yes",
    resendRefused: row["resend_refused"] === "yes",
    personOnly: row["person_only"] === "yes",
  };
}

/** What nobody knows who has not read it. */
function leftToKnow(row: SqlRow): LeftToKnow {
  const cancelWantedForMs = row["cancel_wanted_for_ms"];
  return {
    tries: Number(row["tries"]),
    cancelWantedForMs:
      cancelWantedForMs === null || cancelWantedForMs === undefined ? undefined : Number(cancelWantedForMs),
    sentForMs: Number(row["sent_for_ms"] ?? 0),
    keyLeftMs: Number(row["key_left_ms"] ?? Number.NEGATIVE_INFINITY),
    unknownForMs: Number(row["unknown_for_ms"] ?? 0),
    cancellingForMs: Number(row["cancelling_for_ms"] ?? 0),
  };
}

export function whole(row: SqlRow, readAtMs: number): OperationRow {
  return {
    ...moved(row),
    operation: String(row["operation"]),
    key: String(row["key"]),
    fingerprint: String(row["fingerprint"]),
    providers: JSON.parse(String(row["providers"])) as string[],
    request: String(row["request"]),
    result: optional(row["result"]),
    failure: optional(row["failure"]),
    readAtMs,
  };
}

export function toCompared(row: SqlRow): ComparedOperation {
  return {
    id: String(row["id"]),
    operation: String(row["operation"]),
    key: String(row["key"]),
    state: row["state"] as OperationState,
    provider: String(row["provider"]),
    providers: JSON.parse(String(row["providers"])) as string[],
    request: String(row["request"]),
    result: optional(row["result"]),
    createdAt: String(row["created_at"]),
  };
}

export function toLastError(row: SqlRow): LastError | undefined {
  const at = optional(row["last_error_at"]);
  if (at === undefined) return undefined;
  return {
    at,
    code: optional(row["last_error_code"]) ?? null,
    message: String(row["last_error_message"]),
    tries: Number(row["last_error_tries"]),
  };
}

export function optional(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

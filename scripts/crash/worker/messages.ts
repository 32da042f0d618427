import type { OperationRecord, OperationState } from "@outrigger/ledger";
import type { Connection } from "../databases/database.ts";
import type { Case, Point } from "../matrix/cases.ts";

/** The argument with which a process keeps what it has compiled for those that start after it. */
export const keepCompiled = "keep-compiled";

/** A case as a process gets it. */
export interface Play {
  /** The operation's name, and the beginning of its keys. */
  readonly id: string;
  readonly of: Case;
  readonly orders: readonly string[];
  readonly connection: Connection;
  readonly provider: string;
  readonly leaseMs: number;
  /** Where this process is met by the fault. */
  readonly point?: Point | undefined;
}

export type ToWorker =
  /** Stores, calls and settles, with a resolver behind it. */
  | { readonly do: "begin"; readonly play: Play }
  /** Takes over what another process has left. */
  | { readonly do: "recover"; readonly play: Play }
  /** The way is ready: what stands at its point goes on. */
  | { readonly do: "goOn"; readonly id: string }
  /** A webhook of the provider. */
  | {
      readonly do: "tell";
      readonly ask: number;
      readonly id: string;
      readonly order: string;
      readonly by: string;
    }
  /** Stops itself as by SIGSTOP. */
  | { readonly do: "stop"; readonly ask: number }
  | { readonly do: "look"; readonly ask: number; readonly id: string }
  | { readonly do: "leave"; readonly id: string };

/** Where an operation is, for the judge's process: `absent` when nothing was stored. */
export type Standing = OperationState | "absent";

export type FromWorker =
  | { readonly is: "ready" }
  | { readonly is: "step"; readonly id: string; readonly point: Point; readonly afterMs: number }
  /** It stands still at its point until it is told to go on. */
  | { readonly is: "standing"; readonly id: string; readonly point: Point }
  /** Its callers have got their answers. */
  | { readonly is: "answered"; readonly id: string; readonly answers: readonly string[] }
  | { readonly is: "ended"; readonly id: string }
  /** It had ended, and something was learnt since: an effect that arrived late, say. */
  | { readonly is: "goesOn"; readonly id: string }
  /** It is about to stop: nothing is heard of it until it is woken. */
  | { readonly is: "stopping"; readonly ask: number }
  | { readonly is: "told"; readonly ask: number; readonly taken: boolean }
  | { readonly is: "looked"; readonly ask: number; readonly records: readonly Looked[] }
  | { readonly is: "failed"; readonly id: string; readonly error: string };

export interface Looked {
  readonly order: string;
  readonly standing: Standing;
  readonly record: OperationRecord | undefined;
}

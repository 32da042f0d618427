import type { AlarmName } from "./alarm/options.ts";
import type { Guarantee } from "./operation/guarantee.ts";
import type { SagaState } from "./saga/decide.ts";
import type { OperationState } from "./state/transitions.ts";

interface About {
  readonly id: string;
  readonly operation: string;
  readonly key: string;
  readonly provider: string;
}

/**
 * What a ledger tells. Names, states, codes and times; never what a request or an answer contains, unless a
 * user's function puts it into the message of its error.
 */
export type LedgerEvent =
  | ({
      readonly type: "operationMoved";
      readonly from: OperationState | null;
      readonly to: OperationState;
      readonly why: string;
      readonly fence: number;
    } & About)
  | ({
      readonly type: "callEnded";
      readonly attempt: number;
      readonly evidence: string;
      readonly code: string | undefined;
      readonly durationMs: number;
    } & About)
  | ({
      readonly type: "inquiryEnded";
      readonly evidence: string;
      readonly code: string | undefined;
      /** What it failed with, in at most 200 characters, as the user's function said it. */
      readonly message: string | undefined;
      readonly durationMs: number;
    } & About)
  | ({
      readonly type: "cancelEnded";
      readonly evidence: string;
      readonly code: string | undefined;
      /** What it failed with, in at most 200 characters, as the user's function said it. */
      readonly message: string | undefined;
      readonly durationMs: number;
    } & About)
  | {
      readonly type: "sagaMoved";
      readonly id: string;
      readonly saga: string;
      readonly version: number;
      readonly key: string;
      readonly from: SagaState | null;
      readonly to: SagaState;
      readonly why: string;
    }
  | { readonly type: "messageDelivered"; readonly outbox: string; readonly key: string; readonly id: string }
  /** Its key waits with it; `parked` for a person. */
  | {
      readonly type: "deliveryFailed";
      readonly outbox: string;
      readonly key: string;
      readonly id: string;
      readonly code: string | undefined;
      readonly tries: number;
      readonly parked: boolean;
    }
  /** A worker delivered a message after its lease; another one may have delivered it too. */
  | { readonly type: "laneLost"; readonly outbox: string; readonly key: string }
  /** A worker woke after its lease, and its outcome was dropped. */
  | ({ readonly type: "zombieStopped"; readonly fence: number } & About)
  /** A call ended after the ledger had stopped waiting for it. */
  | ({ readonly type: "lateAnswer" } & About)
  | { readonly type: "databaseFailed"; readonly during: string; readonly code: string | undefined }
  /** With what is promised of each operation that this process resolves. */
  | {
      readonly type: "resolverStarted";
      readonly guarantees: readonly { readonly operation: string; readonly guarantee: Guarantee }[];
    }
  /** Work of other processes is noticed at once from here on. */
  | { readonly type: "listenerStarted" }
  /** The connection that listened is gone. Until it is back, work of other processes is polled for. */
  | { readonly type: "listenerLost"; readonly code: string | undefined }
  | { readonly type: "resolverStopped"; readonly released: number }
  /** A day of a reconciliation is done, with the disagreements on it. */
  | { readonly type: "dayReconciled"; readonly name: string; readonly day: string; readonly findings: number }
  | { readonly type: "reconciliationFailed"; readonly name: string; readonly code: string | undefined }
  /** What became of a webhook. */
  | { readonly type: "webhookSettled"; readonly inbox: string; readonly id: string; readonly outcome: string }
  /** A webhook could not be applied; it is tried again, or a person's when `given up`. */
  | {
      readonly type: "webhookFailed";
      readonly inbox: string;
      readonly id: string;
      readonly code: string | undefined;
      readonly givenUp: boolean;
    }
  /** An alarm goes off, or is over; see `createAlarms`. */
  | {
      readonly type: "alarmRaised" | "alarmCleared";
      readonly alarm: AlarmName;
      readonly currency: string | undefined;
      readonly value: string;
      readonly limit: string;
    };

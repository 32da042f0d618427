import type { StatusContract } from "../classify/status.ts";
import type { HttpStage } from "../failure.ts";
import type { ResponseHeaders } from "../response.ts";

/** A request that has been checked and can be sent any number of times. */
export interface PreparedRequest {
  readonly operation: string;
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  /** Sending it twice has the effect of sending it once. */
  readonly repeatable: boolean;
  readonly contract: StatusContract;
  readonly readMs: number;
  readonly maxResponseBytes: number;
  readonly progress: CallProgress;
}

/** How far a call has come; asked when a policy, and not the transport, ends it. */
export interface CallProgress {
  /** Attempts that reached the transport. */
  attempts: number;
  /** Bytes of an earlier exchange may have left. */
  writtenBefore: boolean;
  /** The exchange that runs now or ran last; undefined while the call has not got a connection. */
  current: ExchangeFacts | undefined;
}

/** What one request on one connection has met, as far as the socket can tell. */
export interface ExchangeFacts {
  stage: HttpStage;
  written: boolean;
  reused: boolean;
  /** Bytes came back after the request was written. */
  answered: boolean;
  status: number | undefined;
  headers: ResponseHeaders | undefined;
  sentAtMs: number | undefined;
  headersAtMs: number | undefined;
}

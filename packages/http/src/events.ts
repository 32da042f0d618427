import type { Effect, Event, PolicyEvent } from "@outrigger/core";
import type { HttpStage } from "./failure.ts";

interface OfIntegration {
  readonly integration: string;
}

interface OfAttempt extends OfIntegration {
  readonly operation: string;
  /** Counts the first attempt as 1. */
  readonly attempt: number;
}

/** Everything an integration tells its observers. No event carries a header, a body, a key or a query. */
export type HttpEvent =
  | (OfAttempt & {
      readonly type: "attemptFinished";
      /** Code of the failure; undefined for a success. */
      readonly code: string | undefined;
      /** Undefined for a success. */
      readonly effect: Effect | undefined;
      readonly stage: HttpStage;
      readonly status: number | undefined;
      readonly written: boolean;
      readonly reused: boolean;
      /** Stale resends within the attempt. */
      readonly resends: number;
      /** Wait for a connection. */
      readonly acquireMs: number;
      /** From the lease of the connection to the first byte of the request; undefined if none left. */
      readonly connectMs: number | undefined;
      /** Of that, the TLS handshake of a connection that was made for it. */
      readonly tlsMs: number | undefined;
      /** From there to the head of the answer; undefined if none came. */
      readonly headersMs: number | undefined;
      /** From there to the end of the answer. */
      readonly bodyMs: number | undefined;
      readonly durationMs: number;
    })
  | (OfAttempt & {
      readonly type: "staleResend";
      /** Whether the request had been written to the connection that died. */
      readonly written: boolean;
      readonly code: string;
    })
  | (OfAttempt & {
      /** Nobody reads the body of a streamed answer. Its connection is taken back. */
      readonly type: "responseUnread";
      /** Whether somebody had begun to read. */
      readonly begun: boolean;
      readonly unreadMs: number;
      /** Frames of the stack that made the request, the nearest first. Files and lines of your program. */
      readonly madeAt: string;
    })
  | (OfIntegration & {
      readonly type: "connectionOpened";
      /** DNS, TCP and TLS together. */
      readonly durationMs: number;
      /** TLS alone; undefined where there is none, or where a proxy stands between. */
      readonly tlsMs: number | undefined;
      readonly protocol: "HTTP/1.1" | "HTTP/2";
    })
  | (OfIntegration & {
      readonly type: "connectionFailed";
      readonly code: string;
      readonly durationMs: number;
    })
  | (OfIntegration & {
      readonly type: "connectionClosed";
      /** Requests that had been written to it. */
      readonly served: number;
      readonly code: string | undefined;
    })
  | (OfIntegration & {
      readonly type: "callFinished";
      readonly operation: string;
      readonly attempts: number;
      readonly code: string | undefined;
      readonly effect: Effect | undefined;
      readonly status: number | undefined;
      readonly durationMs: number;
    })
  | (PolicyEvent & Event);

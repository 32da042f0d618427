import { answerOf, type CallContext, type Clock } from "@outrigger/core";
import type { Operation } from "../operation.ts";
import type { PreparedRequest } from "../transport/request.ts";
import { getHeader, type HeaderList } from "./headers.ts";

/** How the time that is left is written. */
export const deadlineFormats = ["milliseconds", "seconds", "grpc", "timestamp"] as const;

/** A header that tells the service how long somebody waits for its answer. */
export interface DeadlineHeader {
  readonly name: string;
  /**
   * - `"milliseconds"`: what is left, `1500`.
   * - `"seconds"`: `1.500`.
   * - `"grpc"`: as in `grpc-timeout`, `1500m`.
   * - `"timestamp"`: the instant by our wall clock, `2026-01-31T12:00:01.500Z`; clocks differ, so prefer what is left.
   */
  readonly format: (typeof deadlineFormats)[number];
}

/** What a tracer is asked about. */
export interface TracedAttempt {
  readonly integration: string;
  readonly operation: string;
  readonly method: string;
  /** Counts the first attempt as 1. */
  readonly attempt: number;
}

/** Headers of W3C Trace Context. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** Asked before each attempt, in the context of the call. What it throws and what is malformed is left out. */
export type TraceContext = (attempt: TracedAttempt) => TraceHeaders | undefined;

export interface HeadersAtSendOptions {
  readonly integration: string;
  readonly clock: Clock;
  readonly deadlineHeader: DeadlineHeader | undefined;
  readonly traceContext: TraceContext | undefined;
}

type HeadersAtSend = NonNullable<PreparedRequest["headersAtSend"]>;

/**
 * Headers that are not known before an attempt is sent: how much time is left, and whose child it is in a trace.
 *
 * A request that brings one of them itself keeps its own.
 *
 * @returns undefined when none is wanted, so that calls without them cost nothing.
 */
export function headersAtSend(
  options: HeadersAtSendOptions,
): ((operation: Operation, headers: HeaderList) => HeadersAtSend) | undefined {
  const { deadlineHeader, traceContext } = options;
  if (deadlineHeader === undefined && traceContext === undefined) return undefined;
  return (operation, headers) => (context) => {
    const list: string[] = [];
    if (deadlineHeader !== undefined && getHeader(headers, deadlineHeader.name) === undefined)
      list.push(deadlineHeader.name, deadlineText(deadlineHeader.format, context));
    if (traceContext !== undefined && getHeader(headers, "traceparent") === undefined)
      list.push(...traceOf(traceContext, options.integration, operation, context));
    return list;
  };
}

/** The most digits that grpc-timeout may have. */
const mostGrpcDigits = 99_999_999;

function deadlineText(format: DeadlineHeader["format"], { leftMs: left, clock }: CallContext): string {
  // Rounded down: better that the other side stops a moment early than works for nobody.
  const leftMs = Math.max(0, Math.floor(left));
  if (format === "timestamp") return new Date(clock.wallNow() + leftMs).toISOString();
  if (format === "seconds") return (leftMs / 1_000).toFixed(3);
  if (format === "milliseconds") return String(leftMs);
  return leftMs <= mostGrpcDigits ? `${leftMs}m` : `${Math.floor(leftMs / 1_000)}S`;
}

/** Version, trace, parent and flags; neither all zeros nor the forbidden version. */
const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const tracestateShape = /^[\x20-\x7e]{1,512}$/;

function traceOf(
  traceContext: TraceContext,
  integration: string,
  { name, method }: Operation,
  { attempt }: CallContext,
): string[] {
  // A tracer's own trouble must not keep a payment from being made. What is looked at is what is sent: it is read once.
  const trace = answerOf(traceContext, { integration, operation: name, method, attempt });
  const [traceparent, tracestate] = answerOf(() => [trace?.traceparent, trace?.tracestate] as const) ?? [];
  if (typeof traceparent !== "string" || !traceparentShape.test(traceparent)) return [];
  return typeof tracestate === "string" && tracestateShape.test(tracestate)
    ? ["traceparent", traceparent, "tracestate", tracestate]
    : ["traceparent", traceparent];
}

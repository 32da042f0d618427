import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "@outrigger/ledger";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { checkoutBody } from "./order.ts";

/** RFC 9457: what every error of the shop looks like on the wire. */
export interface Problem {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** The body's field that is wrong. */
  readonly field?: string;
  readonly retryAfterMs?: number | undefined;
}

/** An error whose answer is already known. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfterMs, ...body } = problem;
  if (problem.status === 503) void reply.header("retry-after", retryAfterSeconds(retryAfterMs));
  return reply
    .code(problem.status)
    .type("application/problem+json")
    .send(JSON.stringify({ type: "about:blank", ...body }));
}

/** Whole seconds, rounded up: coming back early would be refused again. */
function retryAfterSeconds(ms: number | undefined): number {
  return Math.max(1, Math.ceil((ms ?? 1_000) / 1_000));
}

/** Fastify's error handler: every error leaves as problem+json, and a defect of ours says nothing of its inside. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof ProblemError) return sendProblem(reply, error.problem);
  if (error.validation !== undefined) return sendProblem(reply, invalidBody(error.validation));
  if (Failure.is(error)) return sendProblem(reply, problemOfFailure(error));
  const status = error.statusCode ?? 500;
  if (status < 500) {
    return sendProblem(reply, { status, code: error.code, title: "Bad request", detail: error.message });
  }
  request.log.error(error);
  return sendProblem(reply, {
    status: 500,
    code: "INTERNAL",
    title: "Internal error",
    detail: "the shop failed; the order's status tells whether it is paid",
  });
}

/** What a failed payment means for the customer. */
export function problemOfFailure(
  failure: Pick<Failure, "code" | "effect" | "kind" | "message"> & {
    readonly retryAfterMs?: number | undefined;
  },
): Problem {
  if (failure.kind === "refused") {
    return { status: 402, code: failure.code, title: "Payment declined", detail: failure.message };
  }
  if (failure.kind === "rejected" && failure.code === ledgerFailureCodes.keyReused) {
    return { status: 422, code: failure.code, title: "Order differs", detail: failure.message };
  }
  return {
    status: 503,
    code: failure.code,
    title: "Payment unavailable",
    detail:
      failure.effect === "none"
        ? `nothing was charged; try again later (${failure.message})`
        : `it is not known yet whether something was charged; send the same order again, it never pays twice (${failure.message})`,
    retryAfterMs: failure.retryAfterMs,
  };
}

interface ValidationProblem {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Record<string, unknown>;
  readonly message?: string;
}

function invalidBody(errors: readonly ValidationProblem[]): Problem {
  const [first] = errors;
  const field = String(
    first?.params["additionalProperty"] ??
      first?.params["missingProperty"] ??
      first?.instancePath.slice(1) ??
      "",
  );
  const fix = (checkoutBody.properties as Record<string, { description: string } | undefined>)[field]
    ?.description;
  const detail =
    first?.keyword === "additionalProperties"
      ? `"${field.slice(0, 60)}" is not a field; known fields: ${Object.keys(checkoutBody.properties).join(", ")}`
      : first?.keyword === "required"
        ? `"${field}" is missing; give ${fix}`
        : field === ""
          ? "the body must be a JSON object"
          : `"${field}" must be ${fix ?? first?.message}`;
  return {
    status: 400,
    code: "INVALID_BODY",
    title: "Invalid request",
    detail,
    ...(field === "" ? {} : { field }),
  };
}

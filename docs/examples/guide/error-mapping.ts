import type { HttpIntegration } from "@outrigger/http";
// #region fastify
import { fastifyProblems } from "@outrigger/http/fastify";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";

export function shop(payments: HttpIntegration<"charge">): FastifyInstance {
  const app = fastify();
  app.setErrorHandler(
    fastifyProblems<FastifyRequest<{ Body: { orderId: string } }>>({
      // What a declined card means is the shop's to say; everything else of a provider is a 502.
      byCode: { HTTP_402: { status: 402, title: "Card declined" } },
      // A payment that may have been made is settled by a job of ours: say where its state is to be seen.
      settled: (_failure, request) => ({ location: `/orders/${request.body.orderId}` }),
      onFailure: (failure, answer, request) => request.log.warn({ failure, status: answer.status }),
    }),
  );
  app.post<{ Body: { orderId: string } }>("/checkout", async ({ body }) => {
    const response = await payments.request("charge", { json: body });
    return response.json(); // what this throws, the handler answers
  });
  return app;
}

// #endregion

// #region pure
import type { Failure } from "@outrigger/core";
import { problemOfError, problemSettings } from "@outrigger/http";

const settings = problemSettings({ retryAfter: "2s" });

/** For any other framework. */
export function answerTo(error: Failure): Response {
  const answer = problemOfError(error, settings); // undefined for an error that is not ours
  if (answer === undefined) throw error;
  return new Response(JSON.stringify(answer.problem), { status: answer.status, headers: answer.headers });
}
// #endregion

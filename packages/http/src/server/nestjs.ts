import { Failure, functionAt } from "@outrigger/core";
import type { FastifyAnswer } from "./fastify.ts";
import { type Answering, answering, type ServerProblemOptions } from "./problem.ts";
import { type NodeAnswer, sendProblem } from "./send-problem.ts";

/** What is needed of Nest's `ArgumentsHost`. */
export interface NestHost {
  getType(): string;
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown };
}

/** An exception filter, as Nest takes it. */
export interface NestFilter {
  catch(exception: unknown, host: NestHost): void;
}

/** Nest's decorator `Catch`, called as the function that it is. */
export type NestCatch = (
  ...exceptions: (abstract new () => unknown)[]
) => (target: new () => NestFilter) => unknown;

/**
 * An exception filter for NestJS, on Express and on Fastify: `app.useGlobalFilters(nestProblems(Catch))`. It catches
 * failures only, so that every other exception goes to your own filters or Nest's.
 *
 * @param catchThese - `Catch` of `@nestjs/common`, which this package does not import.
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function nestProblems<Request = unknown>(
  catchThese: NestCatch,
  options: ServerProblemOptions<Request> = {},
): NestFilter {
  functionAt("nestProblems(Catch)", catchThese);
  const answerTo = answering(options) as Answering<unknown>;
  class ProblemFilter implements NestFilter {
    catch(exception: unknown, host: NestHost): void {
      // Only HTTP has statuses; the transports of microservices answer in their own ways.
      if (host.getType() !== "http") throw exception;
      const http = host.switchToHttp();
      const response = http.getResponse() as NodeAnswer | FastifyAnswer;
      const begun = "sent" in response ? response.sent : response.headersSent;
      const answer = begun ? undefined : answerTo(exception, http.getRequest());
      if (answer === undefined) {
        // An answer that broke off must not look like a whole one, and nobody behind a filter takes what it throws.
        connectionOf(response)?.destroy();
        return;
      }
      if (!("send" in response) || "setHeader" in response) {
        sendProblem(response as NodeAnswer, answer);
        return;
      }
      response.code(answer.status);
      response.headers(answer.headers);
      response.send(JSON.stringify(answer.problem));
    }
  }
  catchThese(AnyFailure)(ProblemFilter);
  return new ProblemFilter();
}

function connectionOf(response: object): { destroy(): unknown } | undefined {
  const raw = "raw" in response ? response.raw : response;
  return raw as { destroy(): unknown } | undefined;
}

/** Nest asks `instanceof`, which fails across duplicate installs of this package; the brand does not. */
const AnyFailure = Object.defineProperty(class {}, Symbol.hasInstance, { value: Failure.is });

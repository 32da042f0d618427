import { answering, type ServerProblemOptions } from "./problem.ts";
import { type NodeAnswer, sendProblem } from "./send-problem.ts";

/**
 * Error middleware for Express 5, to be used after all routes: `app.use(expressProblems())`. Failures are answered as
 * problem+json; every other error, and one that comes after the answer has begun, goes on to the next handler.
 *
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function expressProblems<Request = unknown>(
  options: ServerProblemOptions<Request> = {},
): (
  error: unknown,
  request: NoInfer<Request>,
  response: NodeAnswer,
  next: (error?: unknown) => void,
) => void {
  const answerTo = answering(options);
  // Express tells error middleware by its four parameters.
  return (error, request, response, next) => {
    const answer = response.headersSent ? undefined : answerTo(error, request);
    if (answer === undefined) next(error);
    else sendProblem(response, answer);
  };
}

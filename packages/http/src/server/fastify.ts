import { answering, type ServerProblemOptions } from "./problem.ts";

/** What is needed of Fastify's reply. */
export interface FastifyAnswer {
  readonly sent: boolean;
  code(status: number): unknown;
  headers(values: Readonly<Record<string, string>>): unknown;
  send(body: string): unknown;
}

/** What is needed of a Fastify instance. */
export interface FastifyScope<Request> {
  setErrorHandler(handler: (error: unknown, request: Request, reply: FastifyAnswer) => unknown): unknown;
}

/**
 * An error handler for Fastify 5: `app.setErrorHandler(fastifyProblems())`, in the scope whose routes it shall answer for.
 * Failures are answered as problem+json. Every other error is thrown on: the error handler of the scope around takes it,
 * or Fastify's own.
 *
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function fastifyProblems<Request = unknown>(
  options: ServerProblemOptions<Request> = {},
): (error: unknown, request: NoInfer<Request>, reply: FastifyAnswer) => unknown {
  const answerTo = answering(options);
  return (error, request, reply) => {
    const answer = reply.sent ? undefined : answerTo(error, request);
    if (answer === undefined) throw error;
    reply.code(answer.status);
    reply.headers(answer.headers);
    return reply.send(JSON.stringify(answer.problem));
  };
}

/**
 * The same as a plugin, for the whole scope that registers it: `app.register(fastifyProblemsPlugin, { show: ["code"] })`.
 */
export function fastifyProblemsPlugin<Request>(
  scope: FastifyScope<Request>,
  options: ServerProblemOptions<Request>,
  done: (error?: Error) => void,
): void {
  try {
    // Fastify hands its own options to a plugin along with the plugin's.
    const {
      prefix: _,
      logLevel: _level,
      logSerializers: _serializers,
      ...own
    } = options as Record<string, unknown>;
    scope.setErrorHandler(fastifyProblems(own as ServerProblemOptions<Request>));
    done();
  } catch (error) {
    done(error as Error);
  }
}
// A plugin would otherwise see only routes that it registers itself.
Object.assign(fastifyProblemsPlugin, { [Symbol.for("skip-override")]: true });

import { answering, type ServerProblemOptions } from "./problem.ts";

/** What is needed of Hono's context. */
export interface HonoContext {
  body(data: string, init: { readonly status: number; readonly headers: Record<string, string> }): Response;
}

/**
 * A handler for Hono's `onError`: `app.onError(honoProblems())`. Failures are answered as problem+json.
 *
 * @param options.otherwise - Takes every other error. Left out, an `HTTPException` is answered as it asks for, and what is
 * none is thrown on, to whoever called `app.fetch`.
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function honoProblems<Context extends HonoContext = HonoContext>(
  options: ServerProblemOptions<Context> & {
    readonly otherwise?: ((error: Error, context: Context) => Response | Promise<Response>) | undefined;
  } = {},
): (error: Error, context: NoInfer<Context>) => Response | Promise<Response> {
  const { otherwise, ...rules } = options;
  const answerTo = answering(rules);
  return (error, context) => {
    const answer = answerTo(error, context);
    if (answer !== undefined) {
      const { status, headers, problem } = answer;
      return context.body(JSON.stringify(problem), { status, headers: { ...headers } });
    }
    if (otherwise !== undefined) return otherwise(error, context);
    if ("getResponse" in error && typeof error.getResponse === "function") return error.getResponse();
    throw error;
  };
}

import fastify, { type FastifyInstance } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { fastifyProblems, fastifyProblemsPlugin } from "../../src/server/fastify.ts";
import { expectProblems, options, thrown } from "./cases.ts";

async function listening(app: FastifyInstance): Promise<string> {
  app.post<{ Params: { name: string } }>("/fail/:name", async ({ params }) => {
    throw thrown[params.name]?.() ?? Object.assign(new Error("not ours"), { statusCode: 418 });
  });
  onTestFinished(() => app.close());
  return await app.listen({ host: "127.0.0.1", port: 0 });
}

test("Fastify answers failures as problems, by an error handler", async () => {
  const app = fastify();
  app.setErrorHandler(fastifyProblems(options));
  await expectProblems(await listening(app));
});

test("Fastify answers failures as problems, by a plugin, in routes that the plugin does not hold", async () => {
  const app = fastify();
  await app.register(fastifyProblemsPlugin, options);
  await expectProblems(await listening(app));
});

test("Fastify answers everything else as it would without", async () => {
  const [bare, ours] = [fastify(), fastify()];
  ours.setErrorHandler(fastifyProblems(options));
  const answers = await Promise.all(
    [bare, ours].map(async (app) => {
      const url = await listening(app);
      const other = await fetch(`${url}/fail/other`, { method: "POST" });
      const missing = await fetch(`${url}/nowhere`);
      return [other.status, await other.json(), missing.status, await missing.json()];
    }),
  );
  expect(answers[0]?.[0]).toBe(418);
  expect(answers[1]).toEqual(answers[0]);
});

test("the error handler of the scope around gets what is not ours", async () => {
  const app = fastify();
  app.setErrorHandler((_error, _request, reply) => reply.code(499).send("mine"));
  await app.register(async (scope) => {
    scope.setErrorHandler(fastifyProblems());
    scope.get("/inner", async () => {
      throw new Error("not ours");
    });
  });
  const url = await listening(app);
  const response = await fetch(`${url}/inner`);
  expect([response.status, await response.text()]).toEqual([499, "mine"]);
});

test("a wrong option ends the start of the application, and names itself", async () => {
  const app = fastify();
  onTestFinished(() => app.close());
  await expect(app.register(fastifyProblemsPlugin, { show: ["all"] as never })).rejects.toThrow(
    "problems.show",
  );
});

test("what the handler takes is Fastify's own request", async () => {
  const app = fastify();
  const urls: string[] = [];
  app.setErrorHandler(
    fastifyProblems<import("fastify").FastifyRequest>({
      settled: (_failure, request) => {
        urls.push(request.url);
        return { location: `${request.url}/state` };
      },
    }),
  );
  const url = await listening(app);
  const response = await fetch(`${url}/fail/open`, { method: "POST" });
  expect([response.headers.get("location"), urls]).toEqual(["/fail/open/state", ["/fail/open"]]);
});

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express, { type Express, type Request } from "express";
import { expect, onTestFinished, test, vi } from "vitest";
import { expressProblems } from "../../src/server/express.ts";
import { expectProblems, options, thrown } from "./cases.ts";

function appWithRoutes(): Express {
  const app = express();
  app.post("/fail/:name", async ({ params }, response) => {
    response.setHeader("etag", '"of-the-answer-that-did-not-come"');
    throw thrown[params["name"] ?? ""]?.() ?? Object.assign(new Error("not ours"), { status: 418 });
  });
  return app;
}

async function listening(app: Express): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  onTestFinished(async () => {
    server.close();
    await once(server, "close");
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("Express answers failures as problems", async () => {
  const app = appWithRoutes();
  app.use(expressProblems(options));
  await expectProblems(await listening(app));
});

test("Express answers everything else as it would without", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const ours = appWithRoutes();
  ours.use(expressProblems(options));
  const answers = [];
  for (const app of [appWithRoutes(), ours]) {
    const response = await fetch(`${await listening(app)}/fail/other`, { method: "POST" });
    answers.push([
      response.status,
      response.headers.get("content-type"),
      (await response.text()).slice(0, 200),
    ]);
  }
  expect(answers[0]?.[0]).toBe(418);
  expect(answers[1]).toEqual(answers[0]);
});

test("an answer that had begun is broken off and not turned into a problem; the error goes on as it was", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const failure = thrown["late"]?.();
  const passedOn: unknown[] = [];
  const answered: unknown[] = [];
  const app = express();
  app.get("/begun", (_request, response) => {
    response.status(200).type("text/plain");
    response.write("half of ");
    throw failure;
  });
  app.use(expressProblems({ onFailure: (each) => answered.push(each) }));
  app.use((error: unknown, _request: Request, _response: unknown, next: (error: unknown) => void) => {
    passedOn.push(error);
    next(error);
  });
  const url = await listening(app);
  const read = fetch(`${url}/begun`).then((response) => response.text());
  await expect(read).rejects.toThrow();
  expect([passedOn, answered]).toEqual([[failure], []]);
});

test("what the middleware takes is Express's own request, and the headers of the answer that did not come are gone", async () => {
  const app = appWithRoutes();
  app.use(
    expressProblems<Request>({
      settled: (_failure, { originalUrl }) => ({ location: `${originalUrl}/state` }),
    }),
  );
  const response = await fetch(`${await listening(app)}/fail/open`, { method: "POST" });
  expect([response.headers.get("location"), response.headers.get("etag")]).toEqual([
    "/fail/open/state",
    null,
  ]);
});

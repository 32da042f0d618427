import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { expect, onTestFinished, test, vi } from "vitest";
import { honoProblems } from "../../src/server/hono.ts";
import { expectProblems, options, thrown } from "./cases.ts";

function appWithRoutes(): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("access-control-allow-origin", "*");
    await next();
  });
  app.post("/fail/:name", (c) => {
    const name = c.req.param("name");
    if (name === "teapot") throw new HTTPException(418, { message: "short and stout" });
    throw thrown[name]?.() ?? new Error("not ours");
  });
  return app;
}

async function listening(app: Hono): Promise<string> {
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    server.close();
    await once(server, "close");
  });
  if (!server.listening) await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("Hono answers failures as problems", async () => {
  const app = appWithRoutes();
  app.onError(honoProblems(options));
  await expectProblems(await listening(app));
});

test("headers that middleware had set stay", async () => {
  const app = appWithRoutes();
  app.onError(honoProblems());
  const response = await fetch(`${await listening(app)}/fail/full`, { method: "POST" });
  expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([503, "*"]);
});

test("Hono answers everything else as it would without", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const ours = appWithRoutes();
  ours.onError(honoProblems(options));
  const answers = [];
  for (const app of [appWithRoutes(), ours]) {
    const url = await listening(app);
    const teapot = await fetch(`${url}/fail/teapot`, { method: "POST" });
    const other = await fetch(`${url}/fail/other`, { method: "POST" });
    answers.push([teapot.status, await teapot.text(), other.status]);
  }
  expect(answers).toEqual([
    [418, "short and stout", 500],
    [418, "short and stout", 500],
  ]);
});

test("a handler of one's own takes what is not ours", async () => {
  const app = appWithRoutes();
  app.onError(honoProblems<Context>({ otherwise: (error, c) => c.text(error.message, 499 as never) }));
  const response = await fetch(`${await listening(app)}/fail/other`, { method: "POST" });
  expect([response.status, await response.text()]).toEqual([499, "not ours"]);
});

test("what the handler takes is Hono's own context", async () => {
  const app = appWithRoutes();
  app.onError(honoProblems<Context>({ settled: (_failure, c) => ({ location: `${c.req.path}/state` }) }));
  const response = await fetch(`${await listening(app)}/fail/open`, { method: "POST" });
  expect(response.headers.get("location")).toBe("/fail/open/state");
});

import { readdir, readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { type ConsoleSnapshot, consoleFiles } from "@outrigger/console";
import { faultKinds } from "@outrigger/lab";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Stack } from "../stack.ts";
import type { DemoTraffic } from "../traffic/demo-traffic.ts";
import { LedgerDesk, ledgerRoutes } from "./ledger-desk.ts";
import type { Observer } from "./observer.ts";

const everyMs = 500;
/** Five minutes at two snapshots a second. */
const historyLength = 600;
/** A reader that lets this many bytes pile up is cut off; its browser comes back and gets the history. */
const mostUnreadBytes = 1_000_000;

const contentTypes: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  map: "application/json",
};

/** The console's page, its stream of snapshots, and its buttons. For this machine only. */
export async function consoleServer(
  stack: Stack,
  observer: Observer,
  traffic: DemoTraffic,
): Promise<FastifyInstance> {
  const app = fastify({ logger: { level: "error" }, forceCloseConnections: true });
  const readers = new Set<ServerResponse>();
  const history: ConsoleSnapshot[] = [];

  app.addHook("onRequest", refuseStrangers);
  await servePage(app);

  app.get("/events", (_request, reply) => {
    reply.hijack();
    const reader = reply.raw;
    reader.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    reader.write(`retry: 1000\nevent: history\ndata: ${JSON.stringify(history)}\n\n`);
    readers.add(reader);
    reader.on("close", () => readers.delete(reader));
  });

  app.put<{ Params: { name: string }; Body: { kind: (typeof faultKinds)[number] } }>(
    "/api/providers/:name/fault",
    { schema: { body: bodyOf("kind", { type: "string", enum: faultKinds }) } },
    async (request, reply) => {
      const provider = stack.providers.find((each) => each.name === request.params.name);
      if (provider === undefined) return await reply.code(404).send({ detail: "no such provider" });
      await provider.setFault(request.body.kind);
      return { name: provider.name, fault: request.body.kind };
    },
  );

  app.put<{ Body: { perSecond: number } }>(
    "/api/traffic",
    { schema: { body: bodyOf("perSecond", { type: "number", minimum: 0, maximum: 50 }) } },
    (request) => {
      traffic.perSecond = request.body.perSecond;
      return { perSecond: traffic.perSecond };
    },
  );

  app.post("/api/shop/kill", (_request, reply) => {
    void stack.shop.kill();
    return reply.code(202).send({ killed: true });
  });

  const desk = new LedgerDesk(stack);
  ledgerRoutes(app, desk);
  app.addHook("onClose", () => desk.close());

  const stopWatching = watch(async () => {
    const snapshot = await observer.snapshot(traffic.perSecond);
    history.push(snapshot);
    if (history.length > historyLength) history.shift();
    const message = `data: ${JSON.stringify(snapshot)}\n\n`;
    for (const reader of readers) {
      if (reader.writableLength > mostUnreadBytes) reader.destroy();
      else reader.write(message);
    }
  });
  app.addHook("preClose", async () => {
    for (const reader of readers) reader.end();
    await stopWatching();
  });
  return app;
}

/**
 * The console can kill the shop, so another site's page must not reach it through the visitor's browser: a
 * changing request needs a header that such a page cannot send, and the Host must be this machine's.
 */
async function refuseStrangers(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const local = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(request.headers.host ?? "");
  const changes = request.method !== "GET" && request.method !== "HEAD";
  if (!local || (changes && request.headers["x-outrigger-console"] !== "1")) {
    await reply.code(403).send({ detail: "only the console on this machine may do this" });
  }
}

async function servePage(app: FastifyInstance): Promise<void> {
  for (const name of await readdir(consoleFiles)) {
    const content = await readFile(new URL(name, consoleFiles));
    const type = contentTypes[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    const path = name === "index.html" ? "/" : `/${name}`;
    app.get(path, (_request, reply) =>
      reply
        .header("content-security-policy", "default-src 'self'; style-src 'self'; frame-ancestors 'none'")
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-cache")
        .type(type)
        .send(content),
    );
  }
}

function bodyOf(name: string, schema: object): object {
  return { type: "object", required: [name], additionalProperties: false, properties: { [name]: schema } };
}

/** Repeats a task, each time some pause after the last one ended. @returns a function that ends it. */
function watch(task: () => Promise<void>): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const round = (): void => {
    running = task()
      .catch((error: unknown) => console.error(error))
      .then(() => {
        if (!stopped) timer = setTimeout(round, everyMs);
      });
  };
  round();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}

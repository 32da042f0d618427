import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type ConsoleSnapshot, consoleFiles } from "@outrigger/console";

export interface Mutation {
  readonly method: string;
  readonly path: string;
  readonly header: string | undefined;
  readonly body: unknown;
}

/** The console's server as the contract has it, with a script in place of a shop. */
export interface ScriptedServer {
  readonly url: string;
  readonly mutations: readonly Mutation[];
  /** What `history` holds for pages that connect from now on. */
  history: readonly ConsoleSnapshot[];
  /** What the ledger's addresses answer, by path. */
  operations: (path: string) => unknown;
  /** Status of `/events` and of mutations; a mutation waits for `answer`. */
  eventsStatus: number;
  answer: (mutation: Mutation) => Promise<{ status: number; body?: unknown }>;
  send(snapshot: ConsoleSnapshot): void;
  sendRaw(data: string): void;
  dropStreams(): void;
  /** Streams open now, and opened so far. */
  readonly streams: number;
  readonly opened: number;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

export async function startScriptedServer(): Promise<ScriptedServer> {
  const streams = new Set<ServerResponse>();
  const mutations: Mutation[] = [];
  let opened = 0;
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const scripted: ScriptedServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    mutations,
    history: [],
    operations: () => undefined,
    eventsStatus: 200,
    answer: async () => ({ status: 204 }),
    send: (snapshot) => scripted.sendRaw(JSON.stringify(snapshot)),
    sendRaw(data) {
      for (const stream of streams) stream.write(`data: ${data}\n\n`);
    },
    dropStreams() {
      for (const stream of streams) stream.destroy();
    },
    get opened() {
      return opened;
    },
    get streams() {
      return streams.size;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return scripted;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (request.method === "GET" && path === "/events") return openStream(response);
    if (request.method === "GET" && path.startsWith("/api/operations")) {
      const found = scripted.operations(path);
      response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(found ?? { detail: "there is no such operation" }));
      return;
    }
    if (request.method === "GET") return sendFile(path === "/" ? "index.html" : path.slice(1), response);
    const header = request.headers["x-outrigger-console"];
    const mutation: Mutation = {
      method: request.method ?? "",
      path,
      header: typeof header === "string" ? header : undefined,
      body: JSON.parse((await text(request)) || "null"),
    };
    mutations.push(mutation);
    const { status, body } = await scripted.answer(mutation);
    response.writeHead(status, { "content-type": "application/problem+json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  function openStream(response: ServerResponse): void {
    if (scripted.eventsStatus !== 200) {
      response.writeHead(scripted.eventsStatus).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`retry: 200\n\nevent: history\ndata: ${JSON.stringify(scripted.history)}\n\n`);
    streams.add(response);
    opened += 1;
    response.on("close", () => streams.delete(response));
  }
}

async function sendFile(name: string, response: ServerResponse): Promise<void> {
  const type = types[name.split(".").at(-1) ?? ""];
  const content = /^[a-z.]+$/.test(name)
    ? await readFile(new URL(name, consoleFiles)).catch(() => undefined)
    : undefined;
  if (type === undefined || content === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": type }).end(content);
}

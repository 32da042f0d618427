import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { installGlobal } from "../../src/plugins/dispatcher.ts";
import { json } from "./provider.ts";
import { clientSuite, jsonOk } from "./suite.ts";

class StatusError extends Error {
  readonly response: Response;
  constructor(response: Response) {
    super(`status ${response.status}`);
    this.response = response;
  }
}

async function ok(promise: Promise<Response>): Promise<unknown> {
  const response = await promise;
  if (!response.ok) throw new StatusError(response);
  return await response.json();
}

clientSuite("Node's own fetch, with an integration installed globally", {
  make: (api) => {
    onTestFinished(installGlobal(api));
    return {
      read: (signal) => ok(fetch(`${api.baseUrl}/things/7`, { signal: signal ?? null })),
      write: (signal) =>
        ok(fetch(`${api.baseUrl}/things`, { method: "POST", body: '{"name":"a"}', signal: signal ?? null })),
    };
  },
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (error instanceof StatusError ? error.response.status : undefined),
  isOwnError: (error) => error instanceof TypeError,
  isAbort: (error) => error instanceof DOMException && error.name === "AbortError",
  keyed: true,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      onTestFinished(installGlobal(api));
      const response = await fetch(`${api.baseUrl}/things`, { signal: signal ?? null });
      if (!response.ok || response.body === null) throw new StatusError(response);
      return response.body;
    },
  },
  upload: (api, content) => {
    onTestFinished(installGlobal(api));
    const body = Readable.toWeb(content) as ReadableStream;
    return ok(fetch(`${api.baseUrl}/things`, { method: "PUT", body, duplex: "half" }));
  },
});

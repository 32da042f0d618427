import { Readable } from "node:stream";
import { HttpFailure } from "../../src/index.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
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

clientSuite("fetch", {
  make: (api) => {
    const fetch = fetchOf(api);
    return {
      read: (signal) => ok(fetch(`${api.baseUrl}/things/7`, { ...(signal && { signal }) })),
      write: (signal) =>
        ok(
          fetch(`${api.baseUrl}/things`, { method: "POST", body: '{"name":"a"}', ...(signal && { signal }) }),
        ),
    };
  },
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (error instanceof StatusError ? error.response.status : undefined),
  isOwnError: (error) => HttpFailure.is(error),
  isAbort: (error) => error instanceof DOMException && error.name === "AbortError",
  keyed: true,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      const response = await fetchOf(api)("/things", { ...(signal && { signal }) });
      if (!response.ok || response.body === null) throw new StatusError(response);
      return response.body;
    },
  },
  upload: (api, content) =>
    ok(
      fetchOf(api)("/things", {
        method: "PUT",
        body: Readable.toWeb(content) as ReadableStream,
        duplex: "half",
      }),
    ),
});

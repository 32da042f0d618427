import { request } from "undici";
import { HttpFailure } from "../../src/index.ts";
import { dispatcherOf } from "../../src/plugins/dispatcher.ts";
import { json } from "./provider.ts";
import { clientSuite, jsonOk } from "./suite.ts";

type Answered = Awaited<ReturnType<typeof request>>;

class StatusError extends Error {
  readonly response: Answered;
  constructor(response: Answered) {
    super(`status ${response.statusCode}`);
    this.response = response;
  }
}

async function ok(promise: Promise<Answered>): Promise<unknown> {
  const response = await promise;
  const body = await response.body.text();
  if (response.statusCode >= 300) throw new StatusError(response);
  return JSON.parse(body);
}

clientSuite("undici.request with a dispatcher", {
  make: (api) => {
    const dispatcher = dispatcherOf(api);
    return {
      read: (signal) => ok(request(`${api.baseUrl}/things/7`, { dispatcher, signal: signal ?? null })),
      write: (signal) =>
        ok(
          request(`${api.baseUrl}/things`, {
            dispatcher,
            method: "POST",
            body: '{"name":"a"}',
            headers: { "content-type": "application/json" },
            signal: signal ?? null,
          }),
        ),
    };
  },
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (error instanceof StatusError ? error.response.statusCode : undefined),
  isOwnError: (error) => HttpFailure.is(error),
  isAbort: (error) => error instanceof DOMException && error.name === "AbortError",
  keyed: true,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      const options = { dispatcher: dispatcherOf(api), signal: signal ?? null };
      const response = await request(`${api.baseUrl}/things`, options);
      if (response.statusCode >= 300) {
        await response.body.dump();
        throw new StatusError(response);
      }
      return response.body;
    },
  },
  upload: (api, content) =>
    ok(request(`${api.baseUrl}/things`, { dispatcher: dispatcherOf(api), method: "PUT", body: content })),
});

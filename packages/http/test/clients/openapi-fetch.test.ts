import createClient from "openapi-fetch";
import { HttpFailure } from "../../src/index.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { json } from "./provider.ts";
import { clientSuite, jsonOk } from "./suite.ts";

interface Thing {
  readonly id: number;
}

/** As openapi-typescript writes it. */
interface Paths {
  "/things/{id}": {
    get: {
      parameters: { path: { id: number } };
      responses: { 200: { content: { "application/json": Thing } } };
    };
  };
  "/things": {
    post: {
      requestBody: { content: { "application/json": { name: string } } };
      responses: { 200: { content: { "application/json": Thing } } };
    };
  };
}

class StatusError extends Error {
  readonly response: Response;
  constructor(response: Response) {
    super(`status ${response.status}`);
    this.response = response;
  }
}

async function ok(call: Promise<{ data?: Thing; response: Response }>): Promise<unknown> {
  const { data, response } = await call;
  if (data === undefined) throw new StatusError(response);
  return data;
}

clientSuite("openapi-fetch", {
  make: (api) => {
    const client = createClient<Paths>({ baseUrl: api.baseUrl, fetch: fetchOf(api) });
    return {
      read: (signal) =>
        ok(client.GET("/things/{id}", { params: { path: { id: 7 } }, ...(signal && { signal }) })),
      write: (signal) => ok(client.POST("/things", { body: { name: "a" }, ...(signal && { signal }) })),
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
      const client = createClient<Paths>({ baseUrl: api.baseUrl, fetch: fetchOf(api) });
      const params = { path: { id: 7 } };
      const answer = await client.GET("/things/{id}", {
        params,
        parseAs: "stream",
        ...(signal && { signal }),
      });
      if (!answer.data) throw new StatusError(answer.response);
      return answer.data;
    },
  },
});

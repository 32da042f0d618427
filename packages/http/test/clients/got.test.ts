import got, { AbortError, type Got, HTTPError, RequestError } from "got";
import { gotOptions } from "../../src/plugins/got.ts";
import { json } from "./provider.ts";
import { clientSuite, jsonOk, type TestedClient } from "./suite.ts";

function tested(client: Got, base: string): TestedClient {
  return {
    read: (signal) => client(`${base}/things/7`, { ...(signal && { signal }) }).json(),
    write: (signal) =>
      client.post(`${base}/things`, { json: { name: "a" }, ...(signal && { signal }) }).json(),
  };
}

clientSuite("got", {
  make: (api) => tested(got.extend(gotOptions(api)), api.baseUrl),
  makeRetrying: (api) =>
    tested(
      got.extend(gotOptions(api)).extend({ retry: { limit: 3, methods: ["GET", "POST"], backoffLimit: 1 } }),
      api.baseUrl,
    ),
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (error instanceof HTTPError ? error.response.statusCode : undefined),
  isOwnError: (error) => error instanceof RequestError,
  isAbort: (error) => error instanceof AbortError,
  keyed: true,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      const options = { ...gotOptions(api), ...(signal && { signal }) };
      return got.stream(`${api.baseUrl}/things`, options);
    },
  },
  upload: (api, content) => got.put(`${api.baseUrl}/things`, { ...gotOptions(api), body: content }),
});

import { Readable } from "node:stream";
import ky, { isHTTPError, type KyInstance } from "ky";
import { HttpFailure } from "../../src/index.ts";
import { kyOptions } from "../../src/plugins/ky.ts";
import { json } from "./provider.ts";
import { clientSuite, jsonOk, type TestedClient } from "./suite.ts";

function tested(client: KyInstance): TestedClient {
  return {
    read: (signal) => client("things/7", { ...(signal && { signal }) }).json(),
    write: (signal) => client.post("things", { json: { name: "a" }, ...(signal && { signal }) }).json(),
  };
}

clientSuite("ky", {
  make: (api) => tested(ky.create(kyOptions(api))),
  makeRetrying: (api) =>
    tested(
      ky
        .create(kyOptions(api))
        .extend({ retry: { limit: 3, methods: ["get", "post"], delay: () => 1, shouldRetry: () => true } }),
    ),
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (isHTTPError(error) ? error.response.status : undefined),
  isOwnError: (error) => HttpFailure.is(error),
  isAbort: (error) => error instanceof DOMException && error.name === "AbortError",
  keyed: true,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      const { body } = await ky.create(kyOptions(api)).get("things", { ...(signal && { signal }) });
      if (body === null) throw new Error("no body");
      return body;
    },
  },
  upload: (api, content) =>
    ky.create(kyOptions(api)).put("things", { body: Readable.toWeb(content) as ReadableStream }),
});

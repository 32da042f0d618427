import { Readable } from "node:stream";
import axios, { type AxiosInstance, isAxiosError } from "axios";
import type { HttpIntegration } from "../../src/index.ts";
import { axiosOptions } from "../../src/plugins/axios.ts";
import { agentOf } from "../../src/plugins/node-http.ts";
import { json } from "./provider.ts";
import { type ClientTraits, clientSuite, jsonOk, type TestedClient } from "./suite.ts";

function tested(client: AxiosInstance): TestedClient {
  return {
    read: async (signal) => (await client.get("/things/7", { ...(signal && { signal }) })).data,
    write: async (signal) =>
      (await client.post("/things", { name: "a" }, { ...(signal && { signal }) })).data,
  };
}

const traits: Omit<ClientTraits, "make"> = {
  ok: jsonOk,
  failing: (status) => json(status, { error: "x" }),
  statusOf: (error) => (isAxiosError(error) ? error.response?.status : undefined),
  isOwnError: (error) => isAxiosError(error),
  isAbort: (error) => axios.isCancel(error),
  keyed: true,
};

/** As the suite wants it; both kinds of stream can be iterated. */
async function opened(client: AxiosInstance, signal?: AbortSignal): Promise<AsyncIterable<unknown>> {
  const options = { responseType: "stream", ...(signal && { signal }) } as const;
  return (await client.get<AsyncIterable<unknown>>("/things", options)).data;
}

function byAgent(api: HttpIntegration): AxiosInstance {
  const agent = agentOf(api);
  return axios.create({
    baseURL: api.baseUrl,
    httpAgent: agent,
    httpsAgent: agent,
    maxRedirects: 0,
    proxy: false,
  });
}

const plainText = { chunks: ["one", "two"], contentType: "text/plain" } as const;

clientSuite("axios, by its fetch adapter", {
  ...traits,
  make: (api) => tested(axios.create(axiosOptions(api))),
  streaming: {
    ...plainText,
    open: (api, signal) => opened(axios.create(axiosOptions(api)), signal),
    // Its wrapper around the body waits for the next chunk first. The read timeout then ends it.
    stops: "never",
  },
  upload: (api, content) => axios.create(axiosOptions(api)).put("/things", Readable.toWeb(content)),
});

clientSuite("axios, by an agent", {
  ...traits,
  make: (api) => tested(byAgent(api)),
  streaming: { ...plainText, open: (api, signal) => opened(byAgent(api), signal) },
  upload: (api, content) => byAgent(api).put("/things", content),
});

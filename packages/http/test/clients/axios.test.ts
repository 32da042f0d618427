import axios, { type AxiosInstance, isAxiosError } from "axios";
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

clientSuite("axios, by its fetch adapter", {
  ...traits,
  make: (api) => tested(axios.create(axiosOptions(api))),
});

clientSuite("axios, by an agent", {
  ...traits,
  make: (api) => {
    const agent = agentOf(api);
    return tested(
      axios.create({
        baseURL: api.baseUrl,
        httpAgent: agent,
        httpsAgent: agent,
        maxRedirects: 0,
        proxy: false,
      }),
    );
  },
});

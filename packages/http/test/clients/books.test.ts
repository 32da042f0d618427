import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultKind, type Provider, startProvider } from "@outrigger/lab";
import axios from "axios";
import got from "got";
import ky from "ky";
import createClient from "openapi-fetch";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { axiosOptions } from "../../src/plugins/axios.ts";
import { dispatcherOf, installGlobal } from "../../src/plugins/dispatcher.ts";
import { effectOf } from "../../src/plugins/effect-of.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { gotOptions } from "../../src/plugins/got.ts";
import { kyOptions } from "../../src/plugins/ky.ts";
import { agentOf } from "../../src/plugins/node-http.ts";
import { lane } from "./lane.ts";

interface ChargeRequest {
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
}

type Charge = (api: HttpIntegration, body: ChargeRequest) => Promise<unknown>;

interface Paths {
  "/v1/charges": {
    post: {
      requestBody: { content: { "application/json": ChargeRequest } };
      responses: { 201: { content: { "application/json": unknown } } };
    };
  };
}

const type = { "content-type": "application/json" };

/** Throws what carries the effect, as the clients that throw by themselves do. */
function check(status: number, headers: Headers | Record<string, unknown>): void {
  if (status >= 300) throw Object.assign(new Error(`status ${status}`), { headers });
}

const clients: Readonly<Record<string, Charge>> = {
  fetch: async (api, body) => {
    const answer = await fetchOf(api)("/v1/charges", {
      method: "POST",
      headers: type,
      body: JSON.stringify(body),
    });
    check(answer.status, answer.headers);
  },
  "Node's own fetch": async (api, body) => {
    onTestFinished(installGlobal(api));
    const url = `${api.baseUrl}/v1/charges`;
    const answer = await fetch(url, { method: "POST", headers: type, body: JSON.stringify(body) });
    check(answer.status, answer.headers);
  },
  "undici.request": async (api, body) => {
    const answer = await request(`${api.baseUrl}/v1/charges`, {
      dispatcher: dispatcherOf(api),
      method: "POST",
      headers: type,
      body: JSON.stringify(body),
    });
    await answer.body.dump();
    check(answer.statusCode, answer.headers);
  },
  "axios, by its fetch adapter": (api, body) => axios.create(axiosOptions(api)).post("/v1/charges", body),
  "axios, by an agent": (api, body) =>
    axios
      .create({ baseURL: api.baseUrl, httpAgent: agentOf(api), maxRedirects: 0, proxy: false })
      .post("/v1/charges", body),
  got: (api, json) => got.post(`${api.baseUrl}/v1/charges`, { ...gotOptions(api), json }),
  ky: (api, json) => ky.create(kyOptions(api)).post("v1/charges", { json }),
  "openapi-fetch": async (api, body) => {
    const client = createClient<Paths>({ baseUrl: api.baseUrl, fetch: fetchOf(api) });
    const { response } = await client.POST("/v1/charges", { body });
    check(response.status, response.headers);
  },
};

let provider: Provider;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outrigger-clients-"));
  provider = await startProvider({ name: "sandbox", journalPath: join(folder, "journal.ndjson") });
});

afterAll(async () => {
  await provider.stop();
  await rm(folder, { recursive: true });
});

/** What a call may have claimed when the provider's books show nothing, or one charge, for its order. */
const faults: Readonly<Partial<Record<FaultKind, { readonly claims: string; readonly applied: number }>>> = {
  healthy: { claims: "done", applied: 1 },
  applyThenReset: { claims: "unknown", applied: 1 },
  applyThenHang: { claims: "unknown", applied: 1 },
  hangBeforeApply: { claims: "unknown", applied: 0 },
  resetBeforeRead: { claims: "unknown", applied: 0 },
  unavailable: { claims: "unknown", applied: 0 },
  refuse: { claims: "none", applied: 0 },
};

describe.each(Object.entries(clients))("%s", (name, charge) => {
  test.each(Object.entries(faults))("while the provider is %s", async (kind, { claims, applied }) => {
    // Where nothing comes, three attempts with a read timeout each.
    const { api } = await lane({ baseUrl: provider.url, timeout: { read: "150ms" } });
    await provider.setFault(kind === "unavailable" ? { kind, retryAfterSeconds: 0 } : (kind as FaultKind));
    const orderId = `${name}-${kind}`;
    let claimed = "done";
    await charge(api, { orderId, amount: 1_000, currency: "KRW" }).catch((error: unknown) => {
      claimed = effectOf(error);
    });
    await provider.setFault("healthy");
    const lines = (await provider.journal()).filter((line) => line.orderId === orderId);
    expect([claimed, lines.length]).toEqual([claims, applied]);
  });

  test("a card that is declined has no effect, by the client's own error", async () => {
    const { api } = await lane({ baseUrl: provider.url });
    const error = await charge(api, { orderId: `${name}-13`, amount: 113, currency: "KRW" }).catch(
      (reason: unknown) => reason,
    );
    expect(effectOf(error)).toBe("none");
  });
});

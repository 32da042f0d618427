import { once } from "node:events";
import { request as nodeRequest } from "node:http";
import { pick, seededRandom } from "@outrigger/lab";
import got from "got";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { dispatcherOf } from "../../src/plugins/dispatcher.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { gotOptions } from "../../src/plugins/got.ts";
import { agentOf } from "../../src/plugins/node-http.ts";
import { lane } from "./lane.ts";
import { type Answer, json, reset, silent, stalled, text } from "./provider.ts";

/** A call whose reader may stop after the first chunk. */
type Call = (
  api: HttpIntegration,
  method: "GET" | "PUT",
  signal: AbortSignal,
  stops: boolean,
) => Promise<void>;

async function read(stream: AsyncIterable<unknown>, stops: boolean): Promise<void> {
  for await (const _chunk of stream) if (stops) return;
}

const body = "x".repeat(5_000);

const doors: Readonly<Record<string, Call>> = {
  fetch: async (api, method, signal, stops) => {
    const answer = await fetchOf(api)("/x", { method, signal, ...(method === "PUT" && { body }) });
    if (answer.body !== null) await read(answer.body, stops);
  },
  "undici.request": async (api, method, signal, stops) => {
    const options = { dispatcher: dispatcherOf(api), method, signal, body: method === "PUT" ? body : null };
    await read((await request(`${api.baseUrl}/x`, options)).body, stops);
  },
  "node:http": async (api, method, signal, stops) => {
    const made = nodeRequest(`${api.baseUrl}/x`, { agent: agentOf(api), method, signal });
    made.end(method === "PUT" ? body : undefined);
    const [answer] = await once(made, "response");
    made.on("error", () => {});
    await read(answer, stops);
  },
  "got.stream": async (api, method, signal, stops) => {
    const stream = got.stream(`${api.baseUrl}/x`, {
      ...gotOptions(api),
      method,
      signal,
      ...(method === "PUT" && { body }),
    });
    await read(stream, stops);
  },
};

/** Larger than what is read whole, and than what is kept between the two. */
const large: Answer = (response) => {
  response.writeHead(200);
  response.end(Buffer.alloc(500_000));
};

const answers: readonly Answer[] = [
  json(200, {}),
  text(200, ""),
  json(503, {}),
  reset,
  silent,
  stalled,
  large,
];

describe("after a storm of faults, aborts and readers that leave, nothing is held", () => {
  test.each(Object.entries(doors))("by %s", async (_name, call) => {
    const random = seededRandom(7);
    const { provider, api } = await lane({
      timeout: { read: "50ms" },
      pool: { connections: 8, acquire: "5s" },
    });
    provider.answer((response, arrived) => pick(answers, random)(response, arrived));
    let ended = 0;
    const one = async (): Promise<void> => {
      const controller = new AbortController();
      const aborts = random() < 0.3;
      if (aborts) setTimeout(() => controller.abort(), random() * 20);
      const method = random() < 0.5 ? "GET" : "PUT";
      await call(api, method, controller.signal, random() < 0.3).catch(() => {});
      ended += 1;
    };
    for (let round = 0; round < 15; round += 1) await Promise.all(Array.from({ length: 20 }, one));

    expect(ended).toBe(300);
    await expect.poll(() => api.snapshot().calls.running).toBe(0);
    const { pool, concurrency } = api.snapshot();
    expect(pool).toMatchObject({ inUse: 0, waiting: 0 });
    expect(concurrency).toMatchObject({ inUse: 0, outliving: 0 });
    await api.close();
    await expect.poll(() => provider.open).toBe(0);
  });
});

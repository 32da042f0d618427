import axios from "axios";
import got from "got";
import ky from "ky";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { axiosOptions } from "../../src/plugins/axios.ts";
import { effectOf } from "../../src/plugins/effect-of.ts";
import { gotOptions } from "../../src/plugins/got.ts";
import { kyOptions } from "../../src/plugins/ky.ts";
import { openaiOptions } from "../../src/plugins/openai.ts";
import { lane, rejection } from "./lane.ts";
import { silent } from "./provider.ts";

/** Each with a timeout of the client's own, far below the integration's. */
const clients: Readonly<Record<string, (api: HttpIntegration) => Promise<unknown>>> = {
  axios: (api) => axios.create({ ...axiosOptions(api), timeout: 100 }).post("/x", {}),
  got: (api) => got.extend(gotOptions(api), { timeout: { request: 100 } }).post(`${api.baseUrl}/x`),
  ky: (api) => ky.create({ ...kyOptions(api), timeout: 100 }).post("x"),
  OpenAI: (api) => new OpenAI({ apiKey: "x", ...openaiOptions(api), timeout: 100 }).post("/x"),
};

describe("a timeout of the client's own ends the call on the wire, is not repeated, and claims no effect", () => {
  test.each(Object.entries(clients))("%s", async (_name, post) => {
    const { provider, api } = await lane();
    provider.answer(silent);
    const error = await rejection(post(api));
    expect(effectOf(error)).toBe("unknown");
    // On a slow machine the client may have given up before it got there.
    await expect.poll(() => provider.abandoned === provider.arrived.length).toBe(true);
    expect(provider.arrived.length).toBeLessThanOrEqual(1);
    await expect.poll(() => api.snapshot().pool.inUse).toBe(0);
  });
});

import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HttpFailure } from "../../src/index.ts";
import { effectHeader, effectOf } from "../../src/plugins/effect-of.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { lane, rejection } from "./lane.ts";
import { json, reset, text } from "./provider.ts";

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let nth = 0; nth < 10; nth += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("answers", () => {
  test("without a body have none", async () => {
    const { provider, api } = await lane();
    provider.answer((response, { method }) => {
      response.writeHead(method === "HEAD" ? 200 : 204, { "x-a": "1" });
      response.end();
    });
    const answers = [
      await fetchOf(api)("/x", { method: "HEAD" }),
      await fetchOf(api)("/x", { method: "DELETE" }),
    ];
    expect(answers.map(({ body, headers }) => [body, headers.get("x-a")])).toEqual([
      [null, "1"],
      [null, "1"],
    ]);
    expect(api.snapshot().pool.inUse).toBe(0);
  });

  test("keep a header that comes several times, and lose those of the connection", async () => {
    const { provider, api } = await lane();
    provider.answer((response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.setHeader("keep-alive", "timeout=5");
      response.end("x");
    });
    const { headers } = await fetchOf(api)("/x");
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect([headers.has("keep-alive"), headers.has("connection")]).toEqual([false, false]);
  });

  test("tell the effect by our word alone, never by the provider's", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}, { [effectHeader]: "none" }));
    const good = await fetchOf(api)("/x", { method: "POST" });
    expect(good.headers.get(effectHeader)).toBeNull();
    provider.answer(json(500, {}, { [effectHeader]: "none" }));
    const bad = await fetchOf(api)("/x", { method: "POST" });
    expect(bad.headers.get(effectHeader)).toBe("unknown");
  });

  test("are decompressed where the integration does that", async () => {
    const { provider, api } = await lane({ decompress: true });
    provider.answer((response, { headers }) => {
      response.writeHead(200, { "content-encoding": "gzip", "x-asked": headers["accept-encoding"] ?? "" });
      response.end(gzipSync("content"));
    });
    const response = await fetchOf(api)("/x", { headers: { "accept-encoding": "identity" } });
    expect(await response.text()).toBe("content");
    expect([response.headers.has("content-encoding"), response.headers.get("x-asked")]).toEqual([
      false,
      expect.stringContaining("gzip"),
    ]);
  });

  test("that are small are whole, so that one nobody reads holds no connection", async () => {
    const { provider, api } = await lane({ pool: { connections: 1 } });
    provider.answer(text(200, "x".repeat(10_000)));
    for (let nth = 0; nth < 5; nth += 1) expect((await fetchOf(api)("/x")).ok).toBe(true);
    expect(api.snapshot().pool.inUse).toBe(0);
  });

  test("that are small and break in their middle are tried again", async () => {
    const { provider, api } = await lane();
    provider.answer(
      (response) => {
        response.writeHead(200, { "content-length": 20 });
        response.write("half", () => response.socket?.resetAndDestroy());
      },
      text(200, "whole"),
    );
    expect(await (await fetchOf(api)("/x")).text()).toBe("whole");
    expect(provider.arrived).toHaveLength(2);
  });
});

test("the status has its text, as fetch has it", async () => {
  const { provider, api } = await lane();
  provider.answer(json(404, {}));
  const { status, statusText } = await fetchOf(api)("/x", null as unknown as RequestInit);
  expect([status, statusText]).toEqual([404, "Not Found"]);
});

describe("aborts", () => {
  test("reject with the caller's own reason, which tells the effect", async () => {
    const { provider, api } = await lane();
    const arrived = Promise.withResolvers<void>();
    provider.answer(() => arrived.resolve());
    const controller = new AbortController();
    const reason = new Error("the user left");
    const call = rejection(fetchOf(api)("/x", { method: "POST", signal: controller.signal }));
    await arrived.promise;
    controller.abort(reason);
    expect(await call).toBe(reason);
    expect([effectOf(reason), Object.keys(reason)]).toEqual(["unknown", []]);
  });

  test("in the middle of an answer end its body with the reason", async () => {
    const { provider, api } = await lane();
    provider.answer((response) => {
      response.writeHead(200);
      response.write("half");
    });
    const controller = new AbortController();
    const response = await fetchOf(api)(new Request(`${api.baseUrl}/x`, { signal: controller.signal }));
    const reading = rejection(response.text());
    controller.abort();
    expect(await reading).toMatchObject({ name: "AbortError" });
    await expect.poll(() => provider.abandoned).toBe(1);
  });

  test("reach the call through a Request that nobody else holds any more", async () => {
    const { provider, api } = await lane();
    provider.answer((response) => {
      response.writeHead(200);
      response.write("half");
    });
    const controller = new AbortController();
    const response = await fetchOf(api)(new Request(`${api.baseUrl}/x`, { signal: controller.signal }));
    const reading = rejection(response.text());
    await collectGarbage();
    controller.abort();
    expect(await reading).toMatchObject({ name: "AbortError" });
  });

  test("leave nothing on a signal that outlives the calls", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const { signal } = new AbortController();
    const fetch = fetchOf(api);
    for (let nth = 0; nth < 20; nth += 1) await (await fetch("/x", { signal })).text();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("a failure that is no abort stays the failure, though the signal is aborted later", async () => {
    const { provider, api } = await lane({ retry: false });
    provider.answer(reset);
    const controller = new AbortController();
    const error = await rejection(fetchOf(api)("/x", { signal: controller.signal }));
    controller.abort();
    expect(HttpFailure.is(error)).toBe(true);
  });
});

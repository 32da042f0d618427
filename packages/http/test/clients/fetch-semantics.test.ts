import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { HttpFailure } from "../../src/index.ts";
import { effectHeader, effectOf } from "../../src/plugins/effect-of.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { lane, rejection } from "./lane.ts";
import { json, Provider, reset, text } from "./provider.ts";

async function elsewhere(): Promise<Provider> {
  const other = await Provider.start();
  onTestFinished(() => other.stop());
  other.answer(text(200, "elsewhere"));
  return other;
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let nth = 0; nth < 10; nth += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("redirects", () => {
  test("are not followed: the answer comes as it is, and its place is never called", async () => {
    const { provider, api } = await lane();
    const other = await elsewhere();
    provider.answer(text(302, "", { location: `${other.url}/x` }));
    const response = await fetchOf(api)("/things", { headers: { authorization: "Bearer secret" } });
    expect([response.status, response.headers.get("location")]).toEqual([302, `${other.url}/x`]);
    expect([response.redirected, provider.arrived.length, other.arrived.length]).toEqual([false, 1, 0]);
  });

  test('are an error with redirect: "error", whose effect is that of the call', async () => {
    const { provider, api } = await lane();
    provider.answer(text(303, "", { location: "/y" }));
    const error = await rejection(fetchOf(api)("/things", { method: "POST", redirect: "error" }));
    expect(error).toMatchObject({ code: "HTTP_303", effect: "unknown" });
    expect(provider.arrived).toHaveLength(1);
  });
});

describe("arguments", () => {
  test("a path is put below the base URL, with its prefix", async () => {
    const { provider, api: plain } = await lane();
    const { api } = await lane({ baseUrl: `${plain.baseUrl}/base` });
    provider.answer(json(200, {}));
    const response = await fetchOf(api)("/v1/things?limit=3");
    expect(provider.arrived[0]?.target).toBe("/base/v1/things?limit=3");
    expect(response.url).toBe(`${plain.baseUrl}/base/v1/things?limit=3`);
  });

  test("a Request brings its method, headers and body", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const request = new Request(`${api.baseUrl}/things#fragment`, {
      method: "PATCH",
      headers: { "x-a": "1" },
      body: "text",
    });
    await fetchOf(api)(request);
    expect(provider.arrived[0]).toMatchObject({
      method: "PATCH",
      target: "/things",
      headers: { "x-a": "1" },
    });
    expect(provider.arrived[0]?.headers["content-type"]).toMatch(/^text\/plain/);
    expect(provider.arrived[0]?.body.toString()).toBe("text");
  });

  test("a body brings its content type and its length", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const form = new FormData();
    form.set("field", "value");
    form.set("file", new Blob(["content"]), "name.txt");
    const bodies = [
      new URLSearchParams({ a: "1" }),
      new Blob(["b"], { type: "text/x-b" }),
      new Uint8Array([1, 2, 3]),
      new Uint8Array([1, 2, 3]).buffer,
      form,
    ];
    for (const body of bodies) await fetchOf(api)("/things", { method: "PUT", body });
    expect(provider.arrived.map(({ headers }) => headers["content-type"]?.split(";")[0])).toEqual([
      "application/x-www-form-urlencoded",
      "text/x-b",
      undefined,
      undefined,
      "multipart/form-data",
    ]);
    expect(provider.arrived.slice(0, 4).map(({ headers }) => headers["content-length"])).toEqual([
      "3",
      "1",
      "3",
      "3",
    ]);
    const boundary = /boundary=(.+)$/.exec(provider.arrived[4]?.headers["content-type"] ?? "")?.[1];
    expect(provider.arrived[4]?.body.toString()).toContain(`--${boundary}--`);
  });

  test("what would be passed over in silence is a TypeError, and nothing is sent", async () => {
    const { provider, api } = await lane();
    const fetch = fetchOf(api);
    const dispatcher = {} as never;
    await expect(fetch("/x", { dispatcher })).rejects.toThrow(/^dispatcher must not be given/);
    await expect(fetch("/x", { integrity: "sha256-x" })).rejects.toThrow(/^integrity must not be given/);
    await expect(fetch("/x", { method: "GET", body: "b" })).rejects.toThrow(TypeError);
    await expect(fetch("not a url")).rejects.toThrow(TypeError);
    expect(provider.arrived).toHaveLength(0);
  });
});

describe("other places", () => {
  test("a URL of another origin is refused, and nothing is sent there or here", async () => {
    const { provider, api } = await lane();
    const other = await elsewhere();
    const error = await rejection(fetchOf(api)(`${other.url}/x`));
    expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none", kind: "rejected" });
    expect([provider.arrived.length, other.arrived.length]).toEqual([0, 0]);
  });

  test("of several integrations each URL takes its own, and one that fits none is refused", async () => {
    const one = await lane({ name: "one" });
    const two = await lane({ name: "two" });
    one.provider.answer(json(200, {}));
    two.provider.answer(json(200, {}));
    const fetch = fetchOf(one.api, two.api);
    await fetch(`${two.api.baseUrl}/x`);
    expect([one.provider.arrived.length, two.provider.arrived.length]).toEqual([0, 1]);
    const error = await rejection(fetch("http://127.0.0.1:1/secret?token=t"));
    expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(String(error)).toMatch(/http:\/\/127\.0\.0\.1:1 belongs to none of the integrations one, two$/);
  });

  test("the host that a client writes into the headers has to be the URL's", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    await fetchOf(api)("/x", { headers: { host: new URL(api.baseUrl).host } });
    const error = await rejection(fetchOf(api)("/x", { headers: { host: "evil.test" } }));
    expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(provider.arrived).toHaveLength(1);
  });
});

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

describe("keys and operations", () => {
  test("a key that the caller writes into the headers is the key of the call", async () => {
    const { provider, api } = await lane();
    provider.answer(json(503, {}), json(200, {}));
    await fetchOf(api)("/x", { method: "POST", headers: { "Idempotency-Key": "mine" } });
    expect(provider.arrived.map(({ headers }) => headers["idempotency-key"])).toEqual(["mine", "mine"]);
  });

  test("a declared operation is found by method and path, and its contract holds", async () => {
    const { provider, api, events } = await lane({
      operations: {
        cancel: { method: "POST", path: "/orders/{id}/cancel", idempotency: "none", refusals: [409] },
      },
    });
    provider.answer(json(409, {}));
    const response = await fetchOf(api)("/orders/7/cancel", { method: "POST" });
    expect(response.headers.get(effectHeader)).toBe("none");
    expect(provider.arrived[0]?.headers["idempotency-key"]).toBeUndefined();
    expect(events.find(({ type }) => type === "callFinished")).toMatchObject({ operation: "cancel" });
  });

  test("a write that honours no key is sent once", async () => {
    const { provider, api } = await lane({ idempotency: undefined });
    provider.answer(json(503, {}));
    expect((await fetchOf(api)("/x", { method: "POST" })).headers.get(effectHeader)).toBe("unknown");
    expect(provider.arrived).toHaveLength(1);
  });

  test("text and bytes are sent again however long they are", async () => {
    const { provider, api } = await lane();
    provider.answer(json(503, {}), json(200, {}));
    const response = await fetchOf(api)("/x", { method: "PUT", body: "x".repeat(1_000_000) });
    expect([response.status, provider.arrived.map(({ body }) => body.byteLength)]).toEqual([
      200,
      [1_000_000, 1_000_000],
    ]);
  });
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

import { describe, expect, onTestFinished, test } from "vitest";
import { effectHeader } from "../../src/plugins/effect-of.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { lane, rejection } from "./lane.ts";
import { json, Provider, text } from "./provider.ts";

async function elsewhere(): Promise<Provider> {
  const other = await Provider.start();
  onTestFinished(() => other.stop());
  other.answer(text(200, "elsewhere"));
  return other;
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

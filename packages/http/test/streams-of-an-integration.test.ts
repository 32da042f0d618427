import { describe, expect, test } from "vitest";
import { bodyServer } from "./support/body-server.ts";
import { failureOf, integrate } from "./support/harness.ts";

describe("a streamed answer", () => {
  test("resolves at its head, holds its place until it is read, and is waited for by close", async () => {
    const rest = Promise.withResolvers<void>();
    const server = await bodyServer((_request, response) => {
      response.write("first ");
      void rest.promise.then(() => response.end("second"));
    });
    const { api } = integrate(server.url, { concurrency: { limit: 1 } });

    const { status, body } = await api.stream("read");
    expect(status).toBe(200);
    expect(api.snapshot().calls.running).toBe(1);
    expect(await failureOf(api.request("read"))).toMatchObject({ code: "LIMIT_REACHED" });

    const closed = api.close();
    rest.resolve();
    expect(await new Response(body).text()).toBe("first second");
    await closed;
    expect(api.snapshot()).toMatchObject({ calls: { running: 0 }, pool: { open: 0, inUse: 0 } });
  });

  test("is ended by a close that does not wait for it, and says so", async () => {
    const server = await bodyServer((_request, response) => void response.write("first"));
    const { api } = integrate(server.url);
    const { body } = await api.stream("read");
    const text = failureOf(new Response(body).text());
    await api.close({ within: "0ms" });
    expect(await text).toMatchObject({ code: "INTEGRATION_CLOSED" });
  });

  test("of a failure is judged and thrown whole", async () => {
    const server = await bodyServer((_request, response) => void response.writeHead(402).end("declined"));
    const { api } = integrate(server.url);
    const failure = await failureOf(api.stream("plain"));
    expect(failure).toMatchObject({ code: "HTTP_402", effect: "none" });
    expect(failure.response?.text()).toBe("declined");
  });

  test("may be larger than a whole one, unless the request says how large", async () => {
    const server = await bodyServer((_request, response) => void response.end("x".repeat(2_000)));
    const { api } = integrate(server.url, { maxResponseBytes: 1_000 });
    expect(await new Response((await api.stream("read")).body).text()).toHaveLength(2_000);
    expect(await failureOf(api.request("read"))).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
    expect((await api.request("read", { maxResponseBytes: 2_000 })).bytes.byteLength).toBe(2_000);
    const { body } = await api.stream("read", { maxResponseBytes: 1_999 });
    expect(await failureOf(new Response(body).text())).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });

  test("of an exchange is a stream for every status", async () => {
    const server = await bodyServer(({ url }, response) => {
      response.writeHead(url === "/ok" ? 200 : 404).end(url);
    });
    const { api } = integrate(server.url);
    const ok = await api.exchange({ method: "GET", url: "/ok", stream: true });
    expect([ok.status, ok.effect, ok.failure]).toEqual([200, "done", undefined]);
    expect(await new Response(ok.body).text()).toBe("/ok");
    const missing = await api.exchange({ method: "GET", url: "/missing", stream: true });
    expect(missing).toMatchObject({ status: 404, failure: { code: "HTTP_404" } });
    expect(await new Response(missing.body).text()).toBe("/missing");
  });
});

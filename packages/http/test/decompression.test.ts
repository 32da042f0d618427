import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { describe, expect, test } from "vitest";
import { type BodyServer, bodyServer } from "./support/body-server.ts";
import { failureOf, integrate, until } from "./support/harness.ts";

const text = JSON.stringify({ name: "결제", filler: "x".repeat(5_000) });
const bytes = Buffer.from(text);

function answers(body: Buffer, encoding: string, status = 200): Promise<BodyServer> {
  return bodyServer((_request, response) => {
    response
      .writeHead(status, { "content-encoding": encoding, "content-type": "application/json" })
      .end(body);
  });
}

describe("a compressed answer", () => {
  test.each([
    ["gzip", gzipSync(bytes)],
    ["x-gzip", gzipSync(bytes)],
    ["br", brotliCompressSync(bytes)],
    ["zstd", zstdCompressSync(bytes)],
    ["deflate", deflateSync(bytes)],
    ["GZIP, br", brotliCompressSync(gzipSync(bytes))],
    ["identity", bytes],
  ])("of %s is asked for and read, whole and as a stream", async (encoding, body) => {
    const server = await answers(body, encoding);
    const { api } = integrate(server.url, { decompress: true });

    const response = await api.request("read");
    expect(response.json()).toEqual(JSON.parse(text));
    expect(response.headers["content-type"]).toBe("application/json");
    expect(server.received[0]?.headers["accept-encoding"]).toBe("gzip, br, zstd");

    const { body: stream } = await api.stream("read");
    expect(await new Response(stream).text()).toBe(text);
    expect(api.snapshot().pool).toMatchObject({ inUse: 0, opened: 1 });
  });

  test("of deflate without its header is read as well", async () => {
    const server = await answers(deflateRawSync(bytes), "deflate");
    const { api } = integrate(server.url, { decompress: true });
    expect((await api.request("read")).text()).toBe(text);
  });

  test("says nothing of its coding any more, and its failure is read like any other", async () => {
    const server = await answers(gzipSync('{"code":"CARD_DECLINED"}'), "gzip", 400);
    const { api } = integrate(server.url, {
      decompress: true,
      errorCode: "code",
      refusals: ["CARD_DECLINED"],
    });
    const failure = await failureOf(api.request("plain"));
    expect(failure).toMatchObject({ providerCode: "CARD_DECLINED", effect: "none" });
    expect(failure.response?.json()).toEqual({ code: "CARD_DECLINED" });
    const answer = await api.exchange({ method: "POST", url: "/plain" });
    expect(answer.headers["content-encoding"]).toBeUndefined();
    expect(answer.headers["content-length"]).toBeUndefined();
  });

  test("is neither asked for nor touched where decompress is off, for the integration or for one request", async () => {
    const compressed = gzipSync(bytes);
    const server = await answers(compressed, "gzip");
    const off = integrate(server.url).api;
    const on = integrate(server.url, { decompress: true }).api;
    const raw = [
      await off.request("read"),
      await on.request("read", { decompress: false }),
      await on.exchange({ method: "GET", url: "/read", decompress: false }),
    ];
    for (const { headers, bytes: body } of raw) {
      expect(headers["content-encoding"]).toBe("gzip");
      expect(Buffer.from(body).equals(compressed)).toBe(true);
    }
    expect(server.received.map(({ headers }) => headers["accept-encoding"])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect((await off.request("read", { decompress: true })).text()).toBe(text);
  });

  test("of a coding that nobody knows, or of too many, stays as it is", async () => {
    for (const encoding of ["compress", "gzip, gzip, gzip", "constructor"]) {
      const server = await answers(bytes, encoding);
      const { api } = integrate(server.url, { decompress: true });
      const response = await api.request("read");
      expect(Buffer.from(response.bytes).equals(bytes)).toBe(true);
      expect(() => response.text()).toThrow(/content-encoding/);
    }
  });

  test("that is not what it says fails with its effect, whole and as a stream", async () => {
    for (const body of [Buffer.from("not gzip at all"), gzipSync(bytes).subarray(0, 40)]) {
      const server = await answers(body, "gzip");
      const { api } = integrate(server.url, { decompress: true });
      const failure = await failureOf(api.request("plain"));
      expect(failure).toMatchObject({
        code: "RESPONSE_INVALID",
        effect: "unknown",
        transient: false,
        status: 200,
      });
      const { body: stream } = await api.stream("plain");
      const streamed = await failureOf(new Response(stream).text());
      expect(streamed).toMatchObject({ code: "RESPONSE_INVALID", effect: "unknown" });
    }
  });

  test("whose body broke off is a lost connection, also as a stream", async () => {
    const server = await bodyServer(undefined, (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": "5000" });
      response.write(gzipSync(bytes).subarray(0, 20), () => response.destroy());
      return true;
    });
    const { api } = integrate(server.url, { decompress: true });
    expect(await failureOf(api.request("plain"))).toMatchObject({ code: "CONNECTION_LOST" });
    const { body } = await api.stream("plain");
    expect(await failureOf(new Response(body).text())).toMatchObject({ code: "CONNECTION_LOST" });
  });

  test("that nobody wants to the end gives its connection back", async () => {
    const noise = Buffer.from(Array.from({ length: 400_000 }, (_, at) => (at * 7919) % 251));
    const server = await answers(gzipSync(noise, { level: 0 }), "gzip");
    const { api } = integrate(server.url, { decompress: true });
    const { body } = await api.stream("read");
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => api.snapshot().pool.inUse === 0 && api.snapshot().calls.running === 0);
  });
});

describe("a bomb", () => {
  const size = 200_000_000;
  const zeros = Buffer.alloc(1_000_000);
  const gzipBomb = gzipSync(Buffer.alloc(size), { level: 9 });
  const bombs = [
    ["gzip", gzipBomb],
    ["br", brotliCompressSync(Buffer.alloc(size), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
    ["zstd", zstdCompressSync(Buffer.alloc(size))],
    ["gzip, gzip", gzipSync(gzipBomb)],
  ] as const;

  test.each(bombs)("of %s ends at the cap and is never held in memory", async (encoding, bomb) => {
    expect(bomb.byteLength).toBeLessThan(300_000);
    const server = await answers(bomb, encoding);
    const { api } = integrate(server.url, { decompress: true, maxResponseBytes: 1_000_000 });
    const before = process.memoryUsage().arrayBuffers;
    const failure = await failureOf(api.request("plain"));
    expect(failure).toMatchObject({ code: "RESPONSE_TOO_LARGE", effect: "unknown", transient: false });
    expect(failure.message).toMatch(/larger than 1000000 bytes when it is decompressed/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size / 4);

    const { body } = await api.stream("plain", { maxResponseBytes: 1_000_000 });
    expect(await failureOf(new Response(body).text())).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });

  test("is only what passes the cap: exactly as much is taken", async () => {
    const server = await answers(gzipSync(zeros), "gzip");
    const { api } = integrate(server.url, { decompress: true });
    const take = (maxResponseBytes: number): Promise<unknown> => api.request("read", { maxResponseBytes });
    await take(1_000_000);
    expect(await failureOf(take(999_999))).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });
});

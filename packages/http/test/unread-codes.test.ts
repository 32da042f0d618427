import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { httpIntegration } from "../src/index.ts";
import { failureOf, lane } from "./support/harness.ts";

describe("a refusal whose body cannot be read", () => {
  const rules = { refusals: [400], uncertain: ["PROVIDER_ERROR"], errorCode: "code" } as const;

  test.each([
    [
      "is compressed though nobody asked for it",
      { "content-encoding": "gzip" },
      gzipSync('{"code":"PROVIDER_ERROR"}'),
    ],
    ["has a coding that nobody knows", { "content-encoding": "secret" }, Buffer.from("x")],
  ])("leaves open what was applied when it %s: its code may say so", async (_what, headers, body) => {
    const { api } = await lane((_request, peer) => {
      const lines = Object.entries({ ...headers, "content-length": String(body.length) });
      peer.raw(`HTTP/1.1 400 No\r\n${lines.map((line) => line.join(": ")).join("\r\n")}\r\n\r\n`);
      peer.socket.write(body);
    });
    const url = api.baseUrl;
    const strict = httpIntegration({ name: "lab", baseUrl: url, retry: false, breaker: false, ...rules });
    onTestFinished(() => strict.close({ within: "0ms" }));
    const { effect } = await strict.exchange({ method: "POST", url: "/charge", body: "{}" });
    expect(effect).toBe("unknown");
    expect((await strict.exchange({ method: "GET", url: "/charge" })).effect).toBe("none");
  });

  test("says that nothing was applied when its body is there and has no such code", async () => {
    const { server } = await lane((_request, peer) => peer.reply(400, '{"code":"CARD_DECLINED"}'));
    const api = httpIntegration({ name: "lab", baseUrl: server.url, retry: false, breaker: false, ...rules });
    onTestFinished(() => api.close({ within: "0ms" }));
    expect(await api.exchange({ method: "POST", url: "/charge", body: "{}" })).toMatchObject({
      effect: "none",
    });
  });
});

describe("a change whose success is told by a code of the body", () => {
  async function chunked(body: string) {
    const { server } = await lane((_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      peer.raw(`${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    });
    const api = httpIntegration({
      name: "lab",
      baseUrl: server.url,
      retry: false,
      breaker: false,
      errorCode: "code",
      successCodes: ["0000"],
      refusals: ["3001"],
      operations: { pay: { method: "POST", path: "/pay" }, look: { method: "GET", path: "/look" } },
    });
    onTestFinished(() => api.close({ within: "0ms" }));
    return { api, server };
  }

  test.each([
    ['{"code":"0000"}', "done", undefined],
    ['{"code":"3001"}', "none", "HTTP_200"],
    ['{"code":"9999"}', "unknown", "HTTP_200"],
  ])("is judged by it also where the answer is wanted as a stream: %s is %s", async (body, effect, code) => {
    const { api } = await chunked(body);
    const answer = await api.exchange({ method: "POST", url: "/pay", body: "{}", stream: true });
    expect(answer).toMatchObject({ status: 200, effect });
    expect(answer.failure?.code).toBe(code);
    expect(await new Response(answer.body).text()).toBe(body);
  });

  test("is not made by stream(), which hands the answer out before it is judged; a read is", async () => {
    const { api, server } = await chunked("{}");
    const failure = await failureOf(api.stream("pay", { json: {} }));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(failure.message).toContain("successCodes");
    expect(server.received).toEqual([]);
    expect((await api.stream("look")).status).toBe(200);
  });
});

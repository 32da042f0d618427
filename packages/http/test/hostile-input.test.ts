import { fixed } from "@outrigger/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { isPublicAddress } from "../src/connect/public-address.ts";
import { HttpFailure, httpIntegration } from "../src/index.ts";
import { answering } from "../src/server/problem.ts";
import { failureOf, lane } from "./support/harness.ts";
import { echo } from "./support/wire-server.ts";

describe("a URL", () => {
  test.each([
    (port: number) => `http:///127.0.0.1:${port}/v1/a`,
    (port: number) => `http:////127.0.0.1:${port}/v1/a`,
  ])("whose host stands behind further slashes is refused: %#", async (url) => {
    const { api, server } = await lane(echo);
    const failure = await failureOf(api.exchange({ method: "POST", url: url(server.port) }));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(server.received).toEqual([]);
  });
});

test.each([
  ["PUT", "/counter/%69ncrement"],
  ["PUT", "/counter/incremen%74"],
  ["DELETE", "/%63ounter/7%37"],
])(
  "a change that must not be sent twice is known by another spelling of its path: %s %s",
  async (method, url) => {
    const { server } = await lane((_request, peer) => peer.rst());
    const api = httpIntegration({
      name: "lab",
      baseUrl: server.url,
      breaker: false,
      retry: { maxRetries: 2, backoff: fixed("1ms") },
      operations: {
        increment: { method: "PUT", path: "/counter/increment", idempotency: "none" },
        decrement: { method: "DELETE", path: "/counter/{by}", idempotency: "none" },
      },
    });
    onTestFinished(() => api.close({ within: "0ms" }));
    const failure = await failureOf(api.exchange({ method, url }));
    expect(failure).toMatchObject({ effect: "unknown", attempts: 1 });
    expect(server.received.map(({ target }) => target)).toEqual([url]);
  },
);

test("Azure's own service for its machines is not public, though its address looks so", () => {
  expect(isPublicAddress("168.63.129.16")).toBe(false);
  expect(isPublicAddress("168.63.129.17")).toBe(true);
});

test("an origin that redirects may lead to and that is not public is named where it stands", () => {
  const make = () =>
    httpIntegration({
      name: "x",
      baseUrl: "https://a.example",
      public: true,
      redirects: 1,
      redirectTo: ["https://10.0.0.1"],
    });
  expect(make).toThrow(/redirectTo\[0\].*10\.0\.0\.1/);
});

describe("a form of another library", () => {
  test("whose file has line breaks in its type adds no header to its part", async () => {
    const { api, server } = await lane(echo);
    const file = Object.assign(new Blob(["x"]), { name: "a.txt" });
    Object.defineProperty(file, "type", { value: "text/plain\r\nx-injected: 1\r\n\r\nmore" });
    const form = {
      [Symbol.toStringTag]: "FormData",
      *[Symbol.iterator]() {
        yield ["file", file];
      },
    };
    const failure = await failureOf(api.request("plain", { form: form as never }));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(failure.message).toContain("form.file");
    expect(server.received).toEqual([]);
  });

  test("that gives no fields is refused with what to use", async () => {
    const { api } = await lane(echo);
    // As the package "form-data" has it.
    const form = { [Symbol.toStringTag]: "FormData", append() {} };
    const failure = await failureOf(api.request("plain", { form: form as never }));
    expect(failure.message).toMatch(/form must be .* FormData/);
  });
});

describe("what an answer to our own caller is asked about", () => {
  const failure = new HttpFailure("x", {
    code: "READ_TIMEOUT",
    effect: "unknown",
    integration: "a",
    operation: "b",
  });

  test("neither ends the process nor is believed when it comes as a promise", async () => {
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const answerTo = answering({
      settled: (async () => Promise.reject(new Error("no order"))) as never,
      onFailure: async () => Promise.reject(new Error("no log")),
    });
    expect(answerTo(failure, {})?.status).toBe(504);
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([]);
  });
});

describe("what would be passed over in silence", () => {
  test.each([
    ["contentLength", { json: {}, contentLength: 2 }],
    ["contentLength", { contentLength: 2 }],
    ["replay", { text: "x", replay: "1KiB" }],
    ["replay", { replay: "all of it" }],
  ])("%s, where no body is given that it could speak of, is refused: %#", async (name, options) => {
    const { api, server } = await lane(echo);
    const failure = await failureOf(api.request("plain", options as never));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(failure.message).toMatch(new RegExp(`${name} .*body`));
    expect(server.received).toEqual([]);
  });

  test.each([
    "https://a.example/v1/../admin",
    "https://a.example/v1/%2e%2E/admin",
    "https://a.example/v1/..%2fadmin",
    "https://a.example/./v1",
  ])("a base URL that leads elsewhere than it is written: %s", (baseUrl) => {
    expect(() => httpIntegration({ name: "x", baseUrl })).toThrow(
      /baseUrl must not hold "\." or "\.\." segments/,
    );
  });
});

test("a 100 that never ends is not kept: it is too large a head like any other", async () => {
  const { api } = await lane((_request, peer) => {
    peer.raw("HTTP/1.1 100 Continue\r\n");
    const more = (): void => {
      if (!peer.socket.destroyed)
        peer.socket.write(`x-more: ${"a".repeat(8_000)}\r\n`, () => setImmediate(more));
    };
    more();
  });
  const failure = await failureOf(api.request("plain", { json: {} }));
  expect(failure).toMatchObject({ effect: "unknown", stage: "headers" });
  expect(["RESPONSE_TOO_LARGE", "RESPONSE_INVALID"]).toContain(failure.code);
});

test.each<[what: string, options: object, fix: RegExp]>([
  [
    "certificates for a service without TLS",
    { baseUrl: "http://a.example", tls: { servername: "a.example" } },
    /tls .*https:/,
  ],
  [
    "origins of redirects that nobody follows",
    { redirectTo: ["https://b.example"] },
    /redirectTo .*redirects/,
  ],
  [
    "origins of redirects where the only reads follow none",
    {
      redirectTo: ["https://b.example"],
      redirects: 1,
      operations: { look: { method: "GET", path: "/", redirects: 0 } },
    },
    /redirectTo .*redirects/,
  ],
  ["redirects without a read that could follow them", { redirects: 1 }, /redirects .*GET or HEAD/],
])("options that would do nothing are refused: %s", (_what, options, fix) => {
  expect(() => httpIntegration({ name: "x", baseUrl: "https://a.example", ...options })).toThrow(fix);
});

import { once } from "node:events";
import { inspect } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import {
  type HttpEvent,
  type HttpFailure,
  type HttpIntegration,
  type HttpIntegrationOptions,
  httpIntegration,
  type RequestOptions,
} from "../src/index.ts";
import {
  closeNow,
  failureOf,
  integrate,
  lane,
  type OperationName,
  operations,
  until,
} from "./support/harness.ts";
import type { Peer } from "./support/wire-server.ts";

/** What must be nowhere but on the wire. Every call of this file carries all of them. */
const canaries = {
  authorization: "Bearer sk_live_canary1",
  cookie: "session=canary2",
  key: "key-canary3",
  card: "4242424242424242",
  token: "canary5",
} as const;
const secrets = ["sk_live_canary1", "canary2", "key-canary3", "4242424242424242", "canary5"];

const loaded: RequestOptions = {
  headers: { cookie: canaries.cookie },
  json: { card: canaries.card },
  key: canaries.key,
  query: { token: canaries.token },
};

/** Everything that somebody could have logged in this test. */
const heard: unknown[] = [];
afterEach(() => {
  const text = heard
    .splice(0)
    .map(
      (each) => `${inspect(each, { depth: 30, showHidden: true })} ${JSON.stringify(each)} ${String(each)}`,
    )
    .join("\n");
  for (const secret of secrets) expect(text).not.toContain(secret);
});

async function heardFailure(call: Promise<unknown>): Promise<HttpFailure> {
  const failure = await failureOf(call);
  heard.push(failure);
  for (let cause = failure.cause; cause !== undefined; cause = (cause as Error).cause) heard.push(cause);
  return failure;
}

const settings = {
  headers: { authorization: canaries.authorization },
  onEvent: (event: HttpEvent) => void heard.push(event),
} as const;

describe("a description is refused before anything is sent", () => {
  const base = { name: "lab", baseUrl: "https://api.example.com", operations };

  test.each<readonly [number, string, Partial<HttpIntegrationOptions<typeof operations>>, RegExp]>([
    [
      24,
      "a user in the URL",
      { baseUrl: `https://user:${canaries.card}@api.example.com` },
      /user name or password/,
    ],
    [24, "another host behind a user", { baseUrl: "http://good.example@127.0.0.1" }, /user name or password/],
    [24, "a backslash in the host", { baseUrl: "http://good.example\\@127.0.0.1" }, /visible ASCII/],
    [25, "a file", { baseUrl: "file:///etc/passwd" }, /starts with https:\/\/ or http:\/\//],
    [25, "gopher", { baseUrl: "gopher://127.0.0.1:6379/_" }, /starts with https/],
    [25, "data", { baseUrl: "data:text/plain,x" }, /starts with https/],
    [25, "ftp", { baseUrl: "ftp://127.0.0.1/" }, /starts with https/],
    [
      25,
      "a scheme that is not allowed",
      { baseUrl: "http://a.example", allowed: { schemes: ["https"] } },
      /schemes/,
    ],
    [26, "port 0", { baseUrl: "http://a.example:0" }, /port 0/],
    [26, "port 22", { baseUrl: "http://a.example:22" }, /port 22/],
    [26, "port 25", { baseUrl: "http://a.example:25" }, /port 25/],
    [26, "port 6379", { baseUrl: "http://a.example:6379" }, /port 6379/],
    [
      26,
      "a port outside the list",
      { baseUrl: "https://a.example:8443", allowed: { ports: [443] } },
      /port 8443/,
    ],
    [
      27,
      "a line break in a header",
      { headers: { "x-a": `${canaries.card}\r\nEvil: 1` } },
      /headers\.x-a holds/,
    ],
    [31, "a line as a header's name", { headers: { [`x: ${canaries.card}`]: "1" } }, /not a header name/],
    [32, "a line break in the URL", { baseUrl: "https://a.example/a\r\nb" }, /visible ASCII/],
    [32, "a tab, which URL would drop", { baseUrl: "https://a.exa\tmple/" }, /visible ASCII/],
    [33, "a space in the URL", { baseUrl: "https://a.example/a b" }, /visible ASCII/],
    [33, "letters that are not ASCII, which URL would map", { baseUrl: "http://①②⑦.⓪.⓪.①" }, /visible ASCII/],
    [35, "a Host of its own", { headers: { Host: "evil.example" } }, /headers\.Host must not be given/],
    [36, "Connection", { headers: { Connection: "x-secret" } }, /headers\.Connection must not be given/],
  ])("case %i: %s", (_case, _what, options, message) => {
    let thrown: unknown;
    try {
      httpIntegration({ ...base, ...options });
    } catch (error) {
      thrown = error;
    }
    heard.push(thrown);
    expect(String(thrown)).toMatch(message);
  });
});

describe("a request is refused before any socket is opened", () => {
  const own = {
    item: { method: "GET", path: "/items/{id}" },
    ...operations,
  } as const;
  type Call = (api: HttpIntegration<OperationName | "item">) => Promise<unknown>;
  const header =
    (name: string, value: string): Call =>
    (api) =>
      api.request("keyed", { ...loaded, headers: { cookie: canaries.cookie, [name]: value } });
  const item =
    (id: string): Call =>
    (api) =>
      api.request("item", { params: { id }, query: { t: canaries.token } });
  const exchange =
    (url: string, method = "GET"): Call =>
    (api) =>
      api.exchange({ method, url, headers: { cookie: canaries.cookie } });

  const framing = [
    "Connection",
    "Keep-Alive",
    "TE",
    "Upgrade",
    "Trailer",
    "Transfer-Encoding",
    "Content-Length",
    "Proxy-Connection",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "HTTP2-Settings",
    "Expect",
  ];

  test.each<readonly [number, string, Call]>([
    [24, "another host behind a user", exchange("https://api.example.com@127.0.0.1/")],
    [25, "a file", exchange("file:///etc/passwd")],
    [25, "a script", exchange("javascript:alert(1)")],
    [27, "CR LF in a header's value", header("x-a", `${canaries.card}\r\nEvil: 1`)],
    [28, "a bare LF", header("x-a", "a\nb")],
    [28, "a bare CR", header("x-a", "a\rb")],
    [29, "NUL", header("x-a", "a\0b")],
    [30, "U+010D, whose low byte is CR", header("x-a", "a\u010db")],
    [30, "U+010A, whose low byte is LF", header("x-a", "a\u010ab")],
    [30, "an emoji", header("x-a", "💳")],
    [31, "a header's name with a space", header("x a", "1")],
    [31, "a header's name with a colon", header(`x: ${canaries.card}`, "1")],
    [31, "a header without a name", header("", "1")],
    [31, "a pseudo-header", header(":authority", "evil.example")],
    [32, "CR LF in a path", exchange("/a\r\nX: y")],
    [32, "CR LF in a URL", exchange("http://127.0.0.1/a\r\nX:%20y")],
    [32, "CR LF in a parameter", item(`${canaries.card}\r\nX: y`)],
    [33, "a space in a path", exchange("/a b")],
    [33, "beyond ASCII in a path", exchange("/결제")],
    [33, "a scheme-relative URL", exchange("//evil.example/")],
    [33, "a path without a slash", exchange("evil.example/")],
    [33, "dots out of a parameter", item("..")],
    [33, "dots behind an encoded slash", item("x/../../admin")],
    [33, "dots that are encoded", item("%2e%2e")],
    [33, "dots in a path", exchange("/a/../admin")],
    [33, "dots that are encoded in a path", exchange("/a/%2e%2E/admin")],
    [34, "a request line as a method", exchange("/read", "GET / HTTP/1.1\r\nX: y")],
    [35, "a Host of its own", header("Host", "evil.example")],
    ...framing.map((name) => [36, name, header(name, "x")] as const),
    [42, "TRACE", exchange("/read", "TRACE")],
    [42, "CONNECT", exchange("/read", "CONNECT")],
    [45, "a body of a GET", (api) => api.request("read", { json: { card: canaries.card } })],
    [72, "an empty key", (api) => api.request("keyed", { ...loaded, key: "" })],
    [72, "a key with NUL", (api) => api.request("keyed", { ...loaded, key: `${canaries.key}\0` })],
    [
      72,
      "a key that is too long",
      (api) => api.request("keyed", { ...loaded, key: canaries.key.repeat(30) }),
    ],
    [72, "a key of letters that look alike", (api) => api.request("keyed", { ...loaded, key: "kеy" })],
  ])("case %i: %s", async (_case, _what, call) => {
    const { server } = await lane((_request, peer) => peer.reply(200));
    const { api } = integrate(server.url, { ...settings, operations: own as never });
    const failure = await heardFailure(call(api as HttpIntegration<OperationName | "item">));
    expect(failure).toMatchObject({
      code: "REQUEST_INVALID",
      effect: "none",
      kind: "rejected",
      transient: false,
    });
    expect(server.connections).toBe(0);
  });

  test("case 20: a name of a public service that leads to a private address, when it is connected to", async () => {
    const { server } = await lane((_request, peer) => peer.reply(200));
    const { api } = integrate(`http://api.example.com:${server.port}`, {
      ...settings,
      public: true,
      dns: { lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]) },
    });
    const failure = await heardFailure(api.request("keyed", loaded));
    expect(failure).toMatchObject({ code: "ADDRESS_REFUSED", effect: "none", written: false });
    expect(server.connections).toBe(0);
  });
});

describe("an answer", () => {
  const bomb = Buffer.alloc(50_000_000);
  const head = "HTTP/1.1 200 OK\r\n";
  const compressed =
    (body: Buffer, encoding: string) =>
    (peer: Peer): void => {
      peer.socket.write(`${head}content-encoding: ${encoding}\r\ncontent-length: ${body.byteLength}\r\n\r\n`);
      peer.socket.write(body);
    };
  const repeat = (peer: Peer, bytes: string): void => {
    const timer = setInterval(() => peer.raw(bytes), 10);
    peer.socket.once("close", () => clearInterval(timer));
  };
  const short = { timeout: { read: "300ms", total: "300ms" } } as const;

  test.each<readonly [number, string, (peer: Peer) => void, string, object]>([
    [
      46,
      "shorter than its length",
      (peer) => {
        peer.raw(`${head}content-length: 9\r\n\r\n{}`);
        peer.fin();
      },
      "CONNECTION_LOST",
      {},
    ],
    [47, "that is a gzip bomb", compressed(gzipSync(bomb), "gzip"), "RESPONSE_TOO_LARGE", {}],
    [48, "that is a brotli bomb", compressed(brotliCompressSync(bomb), "br"), "RESPONSE_TOO_LARGE", {}],
    [
      50,
      "that never ends, byte by byte",
      (peer) => {
        peer.raw(`${head}content-length: 99999\r\n\r\n`);
        repeat(peer, "x");
      },
      "DEADLINE_EXCEEDED",
      short,
    ],
    [
      51,
      "that begins for ever",
      (peer) => repeat(peer, "HTTP/1.1 103 Early Hints\r\n\r\n"),
      "DEADLINE_EXCEEDED",
      short,
    ],
    [
      52,
      "with a header of 64 KB",
      (peer) => peer.raw(`${head}a: ${"x".repeat(65_536)}\r\n\r\n`),
      "RESPONSE_TOO_LARGE",
      {},
    ],
    [
      52,
      "with 10,000 headers",
      (peer) => peer.raw(`${head}${"a: b\r\n".repeat(10_000)}\r\n`),
      "RESPONSE_TOO_LARGE",
      {},
    ],
    [
      52,
      "that is larger than is taken",
      (peer) => peer.reply(200, "x".repeat(2_000_000)),
      "RESPONSE_TOO_LARGE",
      {},
    ],
    [
      38,
      "with a length and chunks",
      (peer) =>
        peer.raw(`${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
      "RESPONSE_INVALID",
      {},
    ],
    [
      39,
      "with two lengths",
      (peer) => peer.raw(`${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
      "RESPONSE_INVALID",
      {},
    ],
    [
      43,
      "whose header goes on in the next line after a bare LF",
      (peer) => peer.raw(`${head}x: a\n b\r\n\r\n`),
      "RESPONSE_INVALID",
      {},
    ],
  ])(
    "case %i: %s fails with unknown effect, and its connection serves nobody else",
    async (_case, _what, answer, code, options) => {
      const { api, server } = await lane((_request, peer) => answer(peer), {
        ...settings,
        decompress: true,
        maxResponseBytes: 1_000_000,
        ...options,
      });
      const failure = await heardFailure(api.request("keyed", loaded));
      expect(failure).toMatchObject({ code, effect: "unknown", kind: "failed" });

      server.behave((_request, peer) => peer.reply(200));
      await api.request("read");
      // Those that were read to their end have done nothing wrong on the wire.
      const whole = failure.message.includes("when it is decompressed");
      expect(server.received.at(-1)?.connection).toBe(whole ? 1 : 2);
      expect(api.snapshot().pool.inUse).toBe(0);
    },
  );

  test("case 46: longer than its length leaves nothing behind for the next request", async () => {
    const { api, server } = await lane(
      (_request, peer) =>
        peer.raw(`${head}content-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"bad"`),
      settings,
    );
    expect((await api.request("keyed", loaded)).text()).toBe("{}");
    server.behave((_request, peer) => peer.reply(200, '"good"'));
    await until(() => server.open === 0 || server.received.length > 0);
    expect((await api.request("read")).text()).toBe('"good"');
  });

  test("case 49: with 200 codings is not decoded", async () => {
    const body = gzipSync("{}");
    const { api } = await lane(
      (_request, peer) => compressed(body, Array(200).fill("gzip").join(", "))(peer),
      {
        ...settings,
        decompress: true,
      },
    );
    const response = await api.request("keyed", loaded);
    expect(Buffer.from(response.bytes).equals(body)).toBe(true);
    await heardFailure(Promise.resolve().then(() => response.json()));
  });

  test.each([
    ["-1", undefined],
    ["1e99", undefined],
    ["99999999999", 7 * 86_400_000],
    ["Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86_400_000],
    ["soon", undefined],
    ["1.5", undefined],
    ["", undefined],
  ])("case 53: that asks to wait %j is understood as %s ms", async (retryAfter, waitMs) => {
    const { api } = await lane(
      (_request, peer) => peer.reply(503, "", { "retry-after": retryAfter }),
      settings,
    );
    expect((await heardFailure(api.request("keyed", loaded))).retryAfterMs).toBe(waitMs);
  });

  test("case 54: that sets a cookie sets it for nobody", async () => {
    const { api, server } = await lane(
      (_request, peer) => peer.reply(200, "{}", { "set-cookie": "a=1" }),
      settings,
    );
    await api.request("keyed", loaded);
    await api.request("read");
    expect(server.received[1]?.headers).not.toHaveProperty("cookie");
  });

  test("case 55: that comes after the caller has gone is dropped, and its place is given back once", async () => {
    const peers: Peer[] = [];
    const { api, server } = await lane((_request, peer) => void peers.push(peer), {
      ...settings,
      concurrency: { limit: 1 },
      pool: { connections: 1 },
    });
    const controller = new AbortController();
    const call = heardFailure(api.request("keyed", { ...loaded, signal: controller.signal }));
    await until(() => peers.length === 1);
    controller.abort();
    expect(await call).toMatchObject({ code: "CALL_ABORTED", effect: "unknown" });
    const closed = peers[0] === undefined ? undefined : once(peers[0].socket, "close");
    peers[0]?.reply(200);
    await closed;
    server.behave((_request, peer) => peer.reply(200));
    await api.request("read");
    expect(api.snapshot()).toMatchObject({
      concurrency: { inUse: 0 },
      pool: { inUse: 0 },
      calls: { running: 0 },
    });
  });

  test("case 56: of JSON that no program can hold is a failure or exact, never a wrong number", async () => {
    const bodies = [
      "[".repeat(200_000) + "]".repeat(200_000),
      '{"amount":9007199254740993,"rate":1e400,"price":10.10,"list":[0.1]}',
      '{"a":',
      '{"__proto__":{"polluted":true}}',
    ];
    const { api } = await lane((_request, peer) => peer.reply(200, bodies.shift()), settings);
    const deep = await api.request("keyed", loaded);
    const outcome = await Promise.resolve()
      .then(() => deep.json({ numbers: "text" }))
      .then(
        () => "parsed",
        (error: HttpFailure) => error.code,
      );
    expect(["parsed", "RESPONSE_INVALID"]).toContain(outcome);
    expect((await api.request("read")).json({ numbers: "text" })).toEqual({
      amount: "9007199254740993",
      rate: "1e400",
      price: "10.10",
      list: ["0.1"],
    });
    const cut = await api.request("plain");
    expect(await heardFailure(Promise.resolve().then(() => cut.json()))).toMatchObject({
      code: "RESPONSE_INVALID",
      effect: "unknown",
    });
    const polluting = (await api.request("read")).json<object>({ numbers: "text" });
    expect(Object.getPrototypeOf(polluting)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

test("case 78: no secret is in the snapshot of an integration, nor in what closing it says", async () => {
  const { api } = await lane(() => {}, settings);
  const { api: secure } = integrate("https://a.example", { ...settings, tls: { passphrase: canaries.card } });
  const call = heardFailure(api.request("keyed", loaded));
  heard.push(api.snapshot(), api, secure.snapshot(), secure);
  await closeNow(api, undefined);
  expect(await call).toMatchObject({ code: "INTEGRATION_CLOSED" });
});

import type { Duplex } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import type { HttpFailure } from "../../src/index.ts";
import { certificate } from "../support/certificate.ts";
import { failureOf, integrate, type OperationName, send, until } from "../support/harness.ts";
import { type Answer, ProxyServer } from "../support/proxy-server.ts";
import { startTls } from "../support/tls-server.ts";
import { echo, WireServer } from "../support/wire-server.ts";

async function startProxy(answer?: Answer): Promise<ProxyServer> {
  const proxy = await ProxyServer.start();
  onTestFinished(() => proxy.stop());
  proxy.answer = answer;
  return proxy;
}

const say =
  (head: string) =>
  (socket: Duplex): void =>
    void socket.end(`HTTP/1.1 ${head}\r\ncontent-length: 0\r\n\r\n`);

describe("a service behind TLS", () => {
  test("is reached through a tunnel, which serves request after request", async () => {
    const { port, requests } = await startTls();
    const proxy = await startProxy();
    const { api } = integrate(`https://localhost:${port}`, {
      tls: { ca: certificate },
      proxy: `http://me:secret@127.0.0.1:${proxy.port}`,
    });

    for (let nth = 0; nth < 5; nth += 1) expect((await send(api, "plain")).status).toBe(200);

    expect(proxy.asked).toEqual([
      { line: `CONNECT localhost:${port}`, authorization: `Basic ${btoa("me:secret")}` },
    ]);
    expect(requests).toHaveLength(5);
    for (const { line, headers } of requests) {
      expect(line).toBe("POST /plain");
      expect(headers.host).toBe(`localhost:${port}`);
      expect(headers["proxy-authorization"]).toBeUndefined();
    }
  });

  test("verifies its certificate through the tunnel as without one", async () => {
    const { port, requests } = await startTls();
    const proxy = await startProxy();
    const { api } = integrate(`https://localhost:${port}`, { proxy: `http://127.0.0.1:${proxy.port}` });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "TLS_FAILED",
      effect: "none",
      transient: false,
      cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    });
    expect(requests).toEqual([]);
    await until(() => proxy.open === 0);
  });

  const faults: readonly (readonly [fault: string, answer: Answer, transient: boolean, message: RegExp])[] = [
    [
      "wants other credentials",
      say("407 Proxy Authentication Required"),
      false,
      /wants other credentials \(407\)/,
    ],
    ["forbids the host", say("403 Forbidden"), false, /refused the tunnel \(403\)/],
    ["does not reach the host", say("502 Bad Gateway"), true, /refused the tunnel \(502\)/],
    ["is overloaded", say("503 Service Unavailable"), true, /refused the tunnel \(503\)/],
    ["wants patience", say("429 Too Many Requests"), true, /refused the tunnel \(429\)/],
    ["closes without an answer", (socket) => void socket.end(), true, /gave no tunnel \(UND_ERR_SOCKET\)/],
    [
      "resets",
      (socket) => (socket as never as { resetAndDestroy(): void }).resetAndDestroy(),
      true,
      /gave no tunnel \(ECONNRESET\)/,
    ],
    ["closes inside its answer", (socket) => void socket.end("HTTP/1.1 200 Con"), true, /gave no tunnel/],
    ["does not speak HTTP", (socket) => void socket.end("SSH-2.0-x\r\n\r\n"), true, /gave no tunnel/],
  ];

  test.each(faults)(
    "a proxy that %s has had no effect on the service",
    async (_fault, answer, transient, message) => {
      const { port, requests } = await startTls();
      const proxy = await startProxy(answer);
      const { api } = integrate(`https://localhost:${port}`, {
        proxy: `http://me:secret@127.0.0.1:${proxy.port}`,
      });

      for (const operation of ["read", "keyed", "plain"] as const satisfies readonly OperationName[]) {
        const failure = await failureOf(send(api, operation));
        expect(failure).toMatchObject({
          code: "PROXY_FAILED",
          effect: "none",
          kind: "failed",
          transient,
          written: false,
          stage: "connect",
        });
        expect(failure.message).toMatch(message);
        expect(failure.message).toContain(`the proxy 127.0.0.1:${proxy.port}`);
        expect(`${failure.stack} ${JSON.stringify(failure)}`).not.toMatch(/secret|Basic/);
      }
      expect(requests).toEqual([]);
      expect(api.snapshot().pool).toMatchObject({ inUse: 0, open: 0, staleResends: 0, connectFailures: 3 });
      await until(() => proxy.open === 0);
    },
  );

  test("a proxy that is silent is bounded by the connect timeout, and its socket is given up", async () => {
    const proxy = await startProxy(() => {});
    const { api } = integrate("https://localhost:1", {
      proxy: `http://127.0.0.1:${proxy.port}`,
      timeout: { connect: "100ms" },
    });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "CONNECT_TIMEOUT",
      effect: "none",
      transient: true,
    });
    await until(() => proxy.open === 0);
  });

  test("a handshake that hangs in the tunnel is bounded by the connect timeout as well", async () => {
    const proxy = await startProxy((socket) => void socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    const { api } = integrate("https://localhost:1", {
      proxy: `http://127.0.0.1:${proxy.port}`,
      timeout: { connect: "200ms" },
    });

    expect(await failureOf(send(api, "plain"))).toMatchObject({ code: "CONNECT_TIMEOUT", effect: "none" });
    await until(() => proxy.open === 0);
  });

  test("a proxy that does not listen, or whose name is not found, is named", async () => {
    const gone = await startProxy();
    const { port } = gone;
    await gone.stop();
    const failing = async (proxy: string): Promise<HttpFailure> => {
      const { api } = integrate("https://localhost:1", { proxy });
      return failureOf(send(api, "plain"));
    };

    expect(await failing(`http://127.0.0.1:${port}`)).toMatchObject({
      code: "PROXY_FAILED",
      effect: "none",
      transient: true,
      message: expect.stringContaining(
        `the proxy 127.0.0.1:${port} was not reached (ECONNREFUSED)`,
      ) as string,
    });
    expect(await failing("http://no-such-proxy.invalid:1")).toMatchObject({
      code: "PROXY_FAILED",
      effect: "none",
      transient: true,
    });
  });

  test("a proxy that itself is behind TLS has to prove its name, too", async () => {
    const proxy = await startTls();
    const { api } = integrate("https://localhost:1", { proxy: `https://localhost:${proxy.port}` });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "PROXY_FAILED",
      effect: "none",
      transient: false,
      message: expect.stringContaining("(DEPTH_ZERO_SELF_SIGNED_CERT)") as string,
    });
  });

  test("closing the integration gives up a tunnel that is being asked for", async () => {
    const proxy = await startProxy(() => {});
    const { api } = integrate("https://localhost:1", { proxy: `http://127.0.0.1:${proxy.port}` });
    const call = failureOf(send(api, "plain"));
    await until(() => proxy.asked.length === 1);

    await api.close({ within: "0ms" });

    expect(await call).toMatchObject({ code: "INTEGRATION_CLOSED", effect: "none" });
    await until(() => proxy.open === 0);
  });
});

describe("a service in plain HTTP", () => {
  test("is asked for by its whole URL, and sees neither the proxy's credentials nor its address", async () => {
    const server = await WireServer.start(echo);
    onTestFinished(() => server.stop());
    const proxy = await startProxy();
    const { api } = integrate(server.url, { proxy: `http://me:secret@127.0.0.1:${proxy.port}` });

    const answer = (await send(api, "read", { id: "1" })).json<{ target: string }>();
    await send(api, "plain");

    expect(answer.target).toBe("/read?id=1");
    expect(proxy.asked).toEqual([
      { line: `${server.url}/read?id=1`, authorization: `Basic ${btoa("me:secret")}` },
      { line: `${server.url}/plain`, authorization: `Basic ${btoa("me:secret")}` },
    ]);
    for (const { headers } of server.received) {
      expect(headers["host"]).toBe(`127.0.0.1:${server.port}`);
      expect(headers["proxy-authorization"]).toBeUndefined();
    }
    expect(api.snapshot().pool).toMatchObject({ opened: 1, reused: 1 });
  });

  test("a proxy that wants other credentials has passed nothing on, unless a list says otherwise", async () => {
    const proxy = await startProxy(say("407 Proxy Authentication Required"));
    const through = { proxy: `http://127.0.0.1:${proxy.port}` };
    const { api } = integrate("http://localhost:1", through);
    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "HTTP_407",
      effect: "none",
      kind: "refused",
      transient: false,
    });
    const told = integrate("http://localhost:1", { ...through, uncertain: [407] });
    expect(await failureOf(send(told.api, "plain"))).toMatchObject({ effect: "unknown", transient: true });
    expect(proxy.asked.length).toBe(2);
  });

  test("a proxy that is not reached has had no effect", async () => {
    const gone = await startProxy();
    const { port } = gone;
    await gone.stop();
    const { api } = integrate("http://localhost:1", { proxy: `http://127.0.0.1:${port}` });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "PROXY_FAILED",
      effect: "none",
      written: false,
    });
  });
});

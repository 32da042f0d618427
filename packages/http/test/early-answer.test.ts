import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { failureOf, integrate, send, until } from "./support/harness.ts";

const answer = (status: number): string => `HTTP/1.1 ${status} Status\r\ncontent-length: 2\r\n\r\n{}`;

/** Answers each connection's first request at its head. Of the first connection it reads no further. */
async function startEarlyServer(status: number): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const deaf = connections === 1;
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    socket.on("data", () => {
      if (deaf) socket.pause();
      socket.write(answer(deaf ? status : 200));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
  };
}

test.each([503, 200])(
  "an answer (%i) before the request was sent to its end costs the connection, and not the next request",
  async (status) => {
    const server = await startEarlyServer(status);
    const { api } = integrate(server.url, { timeout: { read: "2s" }, pool: { connections: 1 } });
    const call = api.request("plain", {
      body: new Uint8Array(32 * 1024 * 1024),
      headers: { "content-type": "application/octet-stream" },
    });

    if (status === 200) expect((await call).status).toBe(200);
    else expect(await failureOf(call)).toMatchObject({ code: "HTTP_503", effect: "unknown" });

    expect((await send(api, "plain")).status).toBe(200);
    expect(server.connections()).toBe(2);
    await until(() => api.snapshot().pool.open === 1);
    expect(api.snapshot().pool).toMatchObject({ opened: 2, closed: 1, inUse: 0, staleResends: 0 });
  },
);

import { describe, expect, test } from "vitest";
import { failureOf, lane, send, until } from "./support/harness.ts";

const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const goOn = "HTTP/1.1 100 Continue\r\n\r\n";

describe("a 100 Continue that nobody asked for", () => {
  test.each([
    ["with its answer in one piece", [goOn + answer]],
    ["before its answer", [goOn, answer]],
    ["in pieces", [goOn.slice(0, 14), goOn.slice(14, 24), goOn.slice(24) + answer]],
    ["twice", [goOn + goOn, answer]],
    ["with headers of its own, from an old server", [`HTTP/1.0 100 Continue\r\nx: y\r\n\r\n`, answer]],
    ["before another informational answer", [`${goOn}HTTP/1.1 103 Early Hints\r\n\r\n`, goOn + answer]],
  ])("is passed over: %s", async (_name, pieces) => {
    const { api, server } = await lane(
      async (_request, peer) => {
        for (const piece of pieces) {
          peer.raw(piece);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
      { pool: { connections: 1 } },
    );
    for (let nth = 1; nth <= 3; nth += 1) expect((await send(api, "plain")).json()).toEqual({});
    expect(server.connections).toBe(1);
    expect(server.received).toHaveLength(3);
  });

  test("is a part of the body where it stands in one", async () => {
    const { api } = await lane(async (_request, peer) => {
      peer.raw(`HTTP/1.1 200 OK\r\ncontent-length: ${goOn.length}\r\n\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      peer.raw(goOn);
    });
    expect((await send(api, "plain")).text()).toBe(goOn);
  });

  test("is no answer: when the connection ends after it, the request is not sent again", async () => {
    const { api, server } = await lane(
      (request, peer) => {
        if (request.nth === 1) peer.reply(200);
        else {
          peer.raw(goOn);
          setTimeout(() => peer.rst(), 10);
        }
      },
      { pool: { connections: 1 } },
    );
    await send(api, "keyed", { id: "1" });
    expect(await failureOf(send(api, "keyed", { id: "2" }))).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
    });
    expect(server.received).toHaveLength(2);
  });
});

describe("a body without a length, which ends with its connection", () => {
  const head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

  test("is complete when the connection is closed", async () => {
    const { api } = await lane((_request, peer) => {
      peer.raw(`${head}{"whole":true}`);
      peer.fin();
    });
    expect((await send(api, "plain")).json()).toEqual({ whole: true });
  });

  test("is not when it is reset: what came may be a part", async () => {
    const { api, server } = await lane((_request, peer) => {
      peer.raw(`${head}{"part":true}`);
      setTimeout(() => peer.rst(), 20);
    });
    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "CONNECTION_LOST",
      effect: "unknown",
      stage: "body",
      status: 200,
    });
    expect(server.received).toHaveLength(1);
    await until(() => api.snapshot().pool.open === 0);
  });
});

test("a body with its length is whole although its connection is reset right after it", async () => {
  const { api } = await lane((_request, peer) => {
    peer.raw(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`);
    setTimeout(() => peer.rst(), 5);
  });
  expect((await send(api, "plain")).json()).toEqual({});
});

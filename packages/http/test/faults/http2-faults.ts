import { once } from "node:events";
import { constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { certificate, privateKey } from "../support/certificate.ts";
import type { Received } from "../support/wire-server.ts";
import { idOf, Journal } from "./journal.ts";
import type { Fault, Strike, World } from "./world.ts";

type Do = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

const answer: Do = (stream) => {
  stream.respond({ ":status": 200 });
  stream.end("{}");
};
const reset =
  (code: number): Do =>
  (stream) =>
    stream.close(code);
const partly = (stream: ServerHttp2Stream): void => {
  stream.respond({ ":status": 200, "content-length": "10" });
  stream.write("12345");
};
const { NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants;

type Row = readonly [name: string, code: string | undefined, acts: Fault["acts"], strike: Do, pace?: "waits"];

const rows: readonly Row[] = [
  ["refuses the stream (HTTP/2 REFUSED_STREAM)", "STREAM_REFUSED", "never", reset(NGHTTP2_REFUSED_STREAM)],
  [
    "goes away and leaves the stream out (HTTP/2 GOAWAY)",
    "STREAM_REFUSED",
    "never",
    (stream, session) => {
      // Node takes 0 for "the last one that came", so the first stream of a connection cannot be left out.
      if (stream.id === 1) return stream.close(NGHTTP2_REFUSED_STREAM);
      session.goaway(0, (stream.id ?? 3) - 2);
      setTimeout(() => session.destroy(), 20);
    },
  ],
  [
    "goes away, and answers what it had accepted (HTTP/2 GOAWAY)",
    undefined,
    "always",
    (stream, session) => {
      session.goaway(0, stream.id ?? 1);
      answer(stream, session);
    },
  ],
  [
    "fails in the stream (HTTP/2 INTERNAL_ERROR)",
    "CONNECTION_LOST",
    "perhaps",
    reset(NGHTTP2_INTERNAL_ERROR),
  ],
  ["cancels the stream (HTTP/2 CANCEL)", "CONNECTION_LOST", "perhaps", reset(NGHTTP2_CANCEL)],
  [
    "closes the connection under the stream (HTTP/2)",
    "CONNECTION_LOST",
    "perhaps",
    (_stream, session) => session.destroy(),
  ],
  [
    "fails in the stream in the middle of the body (HTTP/2)",
    "RESPONSE_INVALID",
    "perhaps",
    (stream) => {
      partly(stream);
      setTimeout(() => stream.close(NGHTTP2_INTERNAL_ERROR), 20);
    },
  ],
  ["says nothing on the stream (HTTP/2)", "READ_TIMEOUT", "perhaps", () => {}, "waits"],
  ["stops in a body (HTTP/2)", "READ_TIMEOUT", "perhaps", partly, "waits"],
];

/** Faults of a connection that carries many requests. */
export const http2Faults: readonly Fault[] = rows.map(([name, code, acts, strike, pace]) => ({
  name,
  stage: "HTTP/2",
  code,
  on: name.includes("leaves the stream out") ? ["reused"] : ["fresh", "reused"],
  acts,
  waits: pace === "waits",
  world: () => http2World(strike),
}));

async function http2World(strike: Do): Promise<World> {
  const journal = new Journal();
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let left: Strike = { applies: false, times: 0 };
  let struck = 0;
  const server = createSecureServer({ cert: certificate, key: privateKey });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("stream", async (stream, headers) => {
    stream.on("error", () => {});
    const session = stream.session as ServerHttp2Session | undefined;
    const request = {
      ...(await read(stream)),
      method: String(headers[":method"]),
      target: String(headers[":path"]),
    };
    const whole = { ...request, headers: headers as Record<string, string>, connection: 0, nth: 0 };
    received.push(whole);
    const strikes = left.times > 0;
    if (!strikes || left.applies) journal.apply(whole);
    if (!strikes || session === undefined) {
      stream.respond({ ":status": 200, "content-type": "application/json" });
      stream.end(JSON.stringify({ id: idOf(whole) }));
      return;
    }
    left = { ...left, times: left.times - 1 };
    struck += 1;
    strike(stream, session);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    settings: { tls: { ca: certificate }, pool: { http2: true } },
    arm: (strikeNow) => {
      left = strikeNow;
    },
    struck: (attempts) => struck > attempts,
    books: (id) => ({
      sent: received.filter((request) => idOf(request) === id).length,
      applied: journal.applied(id),
    }),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function read(stream: ServerHttp2Stream): Promise<{ body: string }> {
  let body = "";
  for await (const chunk of stream) body += String(chunk);
  return { body };
}

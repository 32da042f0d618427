import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createNetServer, type LookupFunction, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { startBlackhole } from "../support/blackhole.ts";
import { certificate, expiredCertificate, otherCertificate, privateKey } from "../support/certificate.ts";
import { ProxyServer } from "../support/proxy-server.ts";
import { WireServer } from "../support/wire-server.ts";
import { Journal } from "./journal.ts";
import { booksOf, wellBehaved } from "./wire-faults.ts";
import type { Fault, Settings, World } from "./world.ts";

/** Where the name leads while the fault lasts, and where it leads otherwise. */
const badHost = "127.0.0.3";
const goodHost = "127.0.0.2";

type StartBad = (port: number) => Promise<() => unknown>;

/**
 * A name that leads to a bad machine for some connections, and to a good one afterwards, behind one port. Nothing that
 * is sent before a connection stands can be applied, so there is no variant that acts.
 */
async function detour(startBad: StartBad, secure: boolean): Promise<World> {
  const journal = new Journal();
  const good = await WireServer.start(wellBehaved(journal), {
    host: goodHost,
    ...(secure ? { tls: { cert: certificate, key: privateKey } } : {}),
  });
  const stopBad = await startBad(good.port);
  let times = 0;
  let struck = 0;
  const lookup: LookupFunction = (_name, _options, callback) => {
    const address = struck < times ? badHost : goodHost;
    struck += 1;
    setImmediate(() => callback(null, [{ address, family: 4 }]));
  };
  return {
    url: `${secure ? "https" : "http"}://provider.test:${good.port}`,
    settings: { dns: { lookup }, ...(secure ? { tls: { ca: [certificate, expiredCertificate] } } : {}) },
    arm: (strike) => {
      struck = 0;
      times = strike.times;
    },
    struck: (attempts) => struck > attempts,
    books: (id) => booksOf(good, journal, id),
    stop: async () => {
      await stopBad();
      await good.stop();
    },
  };
}

const serve =
  (make: () => Server): StartBad =>
  async (port) => {
    const sockets = new Set<Socket>();
    const server = make();
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
    });
    server.on("tlsClientError", () => {});
    server.listen(port, badHost);
    await once(server, "listening");
    return async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    };
  };

const tls = (options: TlsOptions): StartBad => serve(() => createTlsServer(options));
/** What a server does when the first bytes of the handshake arrive. */
const atHello = (act: (socket: Socket) => void): StartBad =>
  serve(() => createNetServer((socket) => void socket.once("data", () => act(socket))));

type Row = readonly [
  name: string,
  stage: Fault["stage"],
  code: string,
  bad: StartBad,
  secure: boolean,
  slow?: "waits",
];

const rows: readonly Row[] = [
  ["refuses connections", "connect", "CONNECT_FAILED", async () => () => {}, false],
  [
    "swallows connections",
    "connect",
    "CONNECT_TIMEOUT",
    async (port) => (await startBlackhole({ host: badHost, port })).stop,
    false,
    "waits",
  ],
  [
    "proves itself with a certificate that nobody vouches for",
    "TLS",
    "TLS_FAILED",
    tls({ cert: otherCertificate, key: privateKey }),
    true,
  ],
  [
    "proves itself with a certificate that is over",
    "TLS",
    "TLS_FAILED",
    tls({ cert: expiredCertificate, key: privateKey }),
    true,
  ],
  [
    "speaks only an old version of TLS",
    "TLS",
    "TLS_FAILED",
    tls({
      cert: certificate,
      key: privateKey,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
      ciphers: "DEFAULT@SECLEVEL=0",
    }),
    true,
  ],
  ["speaks HTTP where TLS is expected", "TLS", "TLS_FAILED", serve(() => createHttpServer()), true],
  ["closes in the handshake", "TLS", "CONNECT_FAILED", atHello((socket) => socket.end()), true],
  ["resets in the handshake", "TLS", "CONNECT_FAILED", atHello((socket) => socket.resetAndDestroy()), true],
  ["is silent in the handshake", "TLS", "CONNECT_TIMEOUT", atHello(() => {}), true, "waits"],
];

const detours: readonly Fault[] = rows.map(([name, stage, code, bad, secure, slow]) => ({
  name,
  stage,
  code,
  on: ["fresh"],
  acts: "never",
  waits: slow === "waits",
  world: () => detour(bad, secure),
}));

/** A certificate for another name, though from somebody whom we trust. */
const wrongName: Fault = {
  name: "proves that it is somebody else",
  stage: "TLS",
  code: "TLS_FAILED",
  on: ["fresh"],
  acts: "never",
  world: async () => {
    const world = await detour(tls({ cert: otherCertificate, key: privateKey }), true);
    return { ...world, settings: { ...world.settings, tls: { ca: [certificate, otherCertificate] } } };
  },
};

const dnsFault: Fault = {
  name: "is not found in DNS",
  stage: "connect",
  code: "DNS_FAILED",
  on: ["fresh"],
  acts: "never",
  world: async () => {
    const world = await detour(async () => () => {}, false);
    let times = 0;
    const { lookup = () => {} } = world.settings?.dns ?? {};
    return {
      ...world,
      settings: {
        dns: {
          lookup: (name, options, callback) => {
            times -= 1;
            if (times < 0) lookup(name, options, callback);
            else setImmediate(() => callback(Object.assign(new Error("x"), { code: "EAI_AGAIN" }), []));
          },
        },
      },
      arm: (strike) => {
        times = strike.times;
      },
    };
  },
};

const proxyFaults: readonly Fault[] = (
  [
    ["is behind a proxy that wants other credentials", "407 Proxy Authentication Required"],
    ["is behind a proxy that does not reach it", "502 Bad Gateway"],
    ["is behind a proxy that closes", undefined],
  ] as const
).map(([name, status]) => ({
  name,
  stage: "proxy",
  code: "PROXY_FAILED",
  on: ["fresh"],
  acts: "never",
  world: async (): Promise<World> => {
    const journal = new Journal();
    const server = await WireServer.start(wellBehaved(journal), {
      tls: { cert: certificate, key: privateKey },
    });
    const proxy = await ProxyServer.start();
    const settings: Settings = { proxy: `http://127.0.0.1:${proxy.port}`, tls: { ca: certificate } };
    return {
      url: `https://localhost:${server.port}`,
      settings,
      arm: ({ times }) => {
        let left = times;
        proxy.answer = (socket) => {
          left -= 1;
          if (left <= 0) proxy.answer = undefined;
          socket.end(status === undefined ? "" : `HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
        };
        if (times === 0) proxy.answer = undefined;
      },
      books: (id) => booksOf(server, journal, id),
      stop: async () => {
        await proxy.stop();
        await server.stop();
      },
    };
  },
}));

/** Faults that strike before a connection stands. */
export const connectFaults: readonly Fault[] = [...detours, wrongName, dnsFault, ...proxyFaults];

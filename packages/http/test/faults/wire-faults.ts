import { certificate, privateKey } from "../support/certificate.ts";
import { sleep } from "../support/harness.ts";
import { type Behaviour, type Greeting, type Peer, WireServer } from "../support/wire-server.ts";
import { idOf, Journal } from "./journal.ts";
import type { Connection, Fault, Strike, World } from "./world.ts";

const crlf = "\r\n";
const head = (...lines: readonly string[]): string => [...lines, "", ""].join(crlf);
const ok = (length: number | string): string => head("HTTP/1.1 200 OK", `content-length: ${length}`);
const chunked: string = head("HTTP/1.1 200 OK", "transfer-encoding: chunked");
const whole = `${ok(2)}{}`;

type Do = (peer: Peer) => void;

const say =
  (...parts: readonly (string | "fin" | "rst")[]): Do =>
  (peer) => {
    for (const part of parts) {
      if (part === "fin") peer.fin();
      // After a moment, because a reset takes back what the other side has not read.
      else if (part === "rst") setTimeout(peer.rst, parts.length > 1 ? 30 : 0);
      else peer.raw(part);
    }
  };

/** A byte at a time, without an end, and in the time that passes here each well before the read timeout. */
const dribble =
  (start: string, endless: string): Do =>
  (peer) => {
    peer.raw(start);
    const timer = setInterval(() => peer.raw(endless), 2);
    peer.socket.once("close", () => clearInterval(timer));
  };

type Row = readonly [
  name: string,
  stage: Fault["stage"],
  code: string | undefined,
  strike: Do,
  slow?: "waits",
];

const rows: readonly Row[] = [
  ["closes before it answers (FIN)", "before the answer", "CONNECTION_LOST", say("fin")],
  ["resets before it answers (RST)", "before the answer", "CONNECTION_LOST", say("rst")],
  ["says nothing", "before the answer", "READ_TIMEOUT", say(), "waits"],
  ["closes inside the head", "head", "CONNECTION_LOST", say("HTTP/1.1 200 OK\r\ncontent-le", "fin")],
  ["resets inside the head", "head", "CONNECTION_LOST", say("HTTP/1.1 200 OK\r\ncontent-le", "rst")],
  ["stops inside the head", "head", "READ_TIMEOUT", say("HTTP/1.1 200 OK\r\ncontent-le"), "waits"],
  [
    "sends its head a byte at a time",
    "head",
    "READ_TIMEOUT",
    dribble("HTTP/1.1 200 OK\r\nx: ", "x"),
    "waits",
  ],
  [
    "sends informational answers without end",
    "head",
    "ATTEMPT_TIMEOUT",
    dribble("", head("HTTP/1.1 103 Early Hints")),
    "waits",
  ],
  ["answers 100 and closes", "head", "CONNECTION_LOST", say(head("HTTP/1.1 100 Continue"), "fin")],
  [
    "answers 101 though nobody asked",
    "head",
    "CONNECTION_LOST",
    say(head("HTTP/1.1 101 Switching Protocols", "upgrade: x", "connection: upgrade")),
  ],
  ["speaks SSH", "head", "RESPONSE_INVALID", say("SSH-2.0-OpenSSH_9.9\r\n")],
  [
    "answers in TLS to plain HTTP",
    "head",
    "RESPONSE_INVALID",
    say("\u0015\u0003\u0001\u0000\u0002\u0002\u0046"),
  ],
  ["answers in HTTP/3.7", "head", "RESPONSE_INVALID", say("HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\n{}")],
  [
    "answers with the status 20",
    "head",
    "RESPONSE_INVALID",
    say("HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}"),
  ],
  ["answers with a NUL in a header", "head", "RESPONSE_INVALID", say(head("HTTP/1.1 200 OK", "x: a\u0000b"))],
  [
    "answers with a header without a colon",
    "head",
    "RESPONSE_INVALID",
    say(head("HTTP/1.1 200 OK", "content-length 2")),
  ],
  [
    "answers with a head larger than 16 KiB",
    "head",
    "RESPONSE_TOO_LARGE",
    say(head("HTTP/1.1 200 OK", `x: ${"a".repeat(20_000)}`)),
  ],
  [
    "answers with 2000 headers",
    "head",
    "RESPONSE_TOO_LARGE",
    say(head("HTTP/1.1 200 OK", ...Array.from({ length: 2_000 }, (_, nth) => `x-${nth}: ${nth}`))),
  ],
  ["answers with a length that is no number", "head", "RESPONSE_INVALID", say(ok("two"), "{}")],
  ["answers with a negative length", "head", "RESPONSE_INVALID", say(ok("-2"), "{}")],
  [
    "answers with two different lengths",
    "head",
    "RESPONSE_INVALID",
    say(head("HTTP/1.1 200 OK", "content-length: 2", "content-length: 5"), "{}"),
  ],
  [
    "answers with a length and chunks",
    "head",
    "RESPONSE_INVALID",
    say(head("HTTP/1.1 200 OK", "content-length: 2", "transfer-encoding: chunked"), "2\r\n{}\r\n0\r\n\r\n"),
  ],
  ["closes between head and body", "body", "CONNECTION_LOST", say(ok(10), "fin")],
  ["resets between head and body", "body", "CONNECTION_LOST", say(ok(10), "rst")],
  ["stops between head and body", "body", "READ_TIMEOUT", say(ok(10)), "waits"],
  ["closes in a body of known length", "body", "CONNECTION_LOST", say(ok(10), "12345", "fin")],
  ["resets in a body of known length", "body", "CONNECTION_LOST", say(ok(10), "12345", "rst")],
  ["stops in a body", "body", "READ_TIMEOUT", say(ok(10), "12345"), "waits"],
  ["sends its body a byte at a time", "body", "ATTEMPT_TIMEOUT", dribble(chunked, "1\r\nx\r\n"), "waits"],
  ["closes between chunks", "body", "CONNECTION_LOST", say(chunked, "5\r\n12345\r\n", "fin")],
  ["resets inside a chunk", "body", "CONNECTION_LOST", say(chunked, "5\r\n123", "rst")],
  ["sends a chunk without a size", "body", "RESPONSE_INVALID", say(chunked, "zz\r\n12345\r\n")],
  ["sends a chunk longer than it said", "body", "RESPONSE_INVALID", say(chunked, "2\r\n12345\r\n0\r\n\r\n")],
  ["sends more than is taken", "body", "RESPONSE_TOO_LARGE", say(ok(5_000), "x".repeat(5_000))],
  ["answers, and closes", "idle", undefined, say(whole, "fin")],
  ["answers, and resets", "idle", undefined, say(whole, "rst")],
  ["answers twice", "idle", undefined, say(whole, whole)],
  [
    "answers, and sends a 408 to the idle connection",
    "idle",
    undefined,
    say(whole, head("HTTP/1.1 408 Request Timeout", "content-length: 0", "connection: close"), "fin"),
  ],
  ["sends more than it said", "idle", undefined, say(`${ok(2)}{}{"id":"somebody else's"}`)],
  ...[400, 408, 409, 421, 425, 429, 500, 502, 503, 504].map(
    (status): Row => [`answers ${status}`, "status", `HTTP_${status}`, (peer) => peer.reply(status)],
  ),
];

/** A provider that acts and then says one of these is not unreliable, but lies. */
const saysNotApplied: ReadonlySet<string> = new Set(["HTTP_421", "HTTP_425", "HTTP_429"]);
const both: readonly Connection[] = ["fresh", "reused"];

/** Faults of a server that has received the whole request. */
export const requestFaults: readonly Fault[] = rows.map(([name, stage, code, strike, slow]) => ({
  name,
  stage,
  code,
  on: both,
  acts: stage === "idle" ? "always" : saysNotApplied.has(code ?? "") ? "never" : "perhaps",
  waits: slow === "waits",
  world: (secure) =>
    wireWorld(
      {
        onRequest: strike,
        lingers: stage === "idle",
      },
      secure,
    ),
}));

/** Faults of a server that does not wait for a request. */
export const greetingFaults: readonly Fault[] = [
  {
    name: "closes as soon as it is connected to, and reads on",
    stage: "connect",
    code: "CONNECTION_LOST",
    on: ["fresh"],
    acts: "perhaps",
    world: () => wireWorld({ onConnection: (peer) => peer.fin() }),
  },
  {
    name: "resets as soon as it is connected to",
    stage: "connect",
    code: "CONNECT_FAILED",
    on: ["fresh"],
    acts: "never",
    world: () => wireWorld({ onConnection: (peer) => peer.rst() }),
  },
];

/** A server that does what it is asked, and answers with the id of the request. */
export function wellBehaved(journal: Journal): Behaviour {
  return (request, peer) => {
    journal.apply(request);
    peer.reply(200, JSON.stringify({ id: idOf(request) }));
  };
}

async function wireWorld(
  strikes: { onRequest?: Do; onConnection?: Greeting; lingers?: boolean },
  secure = false,
): Promise<World> {
  const journal = new Journal();
  let left: Strike = { applies: false, times: 0 };
  let struck = 0;
  const strikesNow = (): boolean => {
    if (left.times === 0) return false;
    left = { ...left, times: left.times - 1 };
    struck += 1;
    return true;
  };
  const well = wellBehaved(journal);
  const server = await WireServer.start(
    (request, peer) => {
      const { applies } = left;
      if (strikes.onRequest === undefined || !strikesNow()) return well(request, peer);
      if (applies) journal.apply(request);
      strikes.onRequest(peer);
    },
    secure ? { tls: { cert: certificate, key: privateKey } } : {},
  );
  server.greet = (peer) => {
    if (strikes.onConnection !== undefined && strikesNow()) strikes.onConnection(peer);
  };
  return {
    url: secure ? `https://localhost:${server.port}` : server.url,
    settings: secure ? { tls: { ca: certificate } } : {},
    arm: (strike) => {
      left = strike;
    },
    // By then it has done whatever it does after its answer.
    settle: () => sleep(strikes.lingers === true ? 100 : 0),
    struck: (attempts) => struck > attempts,
    books: (id) => booksOf(server, journal, id),
    stop: () => server.stop(),
  };
}

export function booksOf(server: WireServer, journal: Journal, id: string): { sent: number; applied: number } {
  return {
    sent: server.received.filter((request) => idOf(request) === id).length,
    applied: journal.applied(id),
  };
}

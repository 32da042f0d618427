// A server in a process of its own that commits faults at random, by a seed, and keeps the books of what it applied.
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exitWithParent, pick, sayReady, seededRandom } from "@outrigger/lab";
import { type Peer, type Received, WireServer } from "../support/wire-server.ts";

export interface ChaosReady {
  readonly url: string;
  /** Tells the books, over a port of its own, so that its questions are not among the requests. */
  readonly control: string;
}

/** What the server knows of all requests. */
export interface ChaosBooks {
  readonly received: number;
  /** Connections that are open now, and all that there were. */
  readonly open: number;
  readonly connections: number;
  /** Requests that were applied, and the ids of those applied more than once although a repetition does harm. */
  readonly applied: number;
  readonly twice: readonly number[];
  /** Ids of those that were said to have had no effect, and were applied. */
  readonly denied: readonly number[];
  /** Ids of those that were said never to have been sent, and were received. */
  readonly unsent: readonly number[];
}

/** What the callers were told, to be compared with the books. */
export interface ChaosClaims {
  readonly denied: readonly number[];
  readonly unsent: readonly number[];
}

const [seed = "1", total = "1000"] = process.argv.slice(2);
const random = seededRandom(Number(seed));
/** How often each change was applied, by its id. */
const applied = new Uint8Array(Number(total) + 1);
/** Whether a request came, by its id. */
const came = new Uint8Array(Number(total) + 1);
/** Whether a repetition does harm, by its id. */
const harmful = new Uint8Array(Number(total) + 1);

type Act = (request: Received, peer: Peer) => void;

const body = `{"filler":"${"x".repeat(900)}"}`;
const whole: Act = (_request, peer) => peer.reply(200, body);
const part = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n12345`;

/** Weight, and whether the request is applied before it happens. */
const acts: readonly (readonly [weight: number, applies: boolean, act: Act])[] = [
  [300, true, whole],
  [20, true, (request, peer) => void setTimeout(() => whole(request, peer), 1 + random() * 20)],
  [20, true, (_request, peer) => peer.reply(200, body, { connection: "close" })],
  [10, true, (_request, peer) => peer.reply(200, "x".repeat(100_000), { "content-type": "text/plain" })],
  [
    8,
    true,
    (request, peer) => {
      whole(request, peer);
      peer.fin();
    },
  ],
  [
    8,
    true,
    (request, peer) => {
      whole(request, peer);
      setTimeout(peer.rst, 1);
    },
  ],
  [
    8,
    true,
    (request, peer) => {
      whole(request, peer);
      peer.raw("HTTP/1.1 200 OK\r\n\r\n");
    },
  ],
  [8, true, (_request, peer) => peer.fin()],
  [8, true, (_request, peer) => peer.rst()],
  [8, false, (_request, peer) => peer.rst()],
  [
    4,
    true,
    (_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ncont");
      peer.fin();
    },
  ],
  [
    4,
    true,
    (_request, peer) => {
      peer.raw(part(50_000));
      peer.fin();
    },
  ],
  [
    4,
    true,
    (_request, peer) => {
      peer.raw(part(50_000));
      setTimeout(peer.rst, 2);
    },
  ],
  [2, true, (_request, peer) => peer.raw(part(50_000))],
  [2, true, () => {}],
  [2, false, () => {}],
  [3, true, (_request, peer) => peer.raw("SSH-2.0-x\r\n")],
  [6, true, (_request, peer) => peer.reply(500)],
  [6, true, (_request, peer) => peer.reply(502, "{}", { "retry-after": "0" })],
  [6, false, (_request, peer) => peer.reply(503, "{}", { "retry-after": "0" })],
  [6, false, (_request, peer) => peer.reply(429, "{}", { "retry-after": "0" })],
  [6, false, (_request, peer) => peer.reply(402, "{}")],
];
const drawn = acts.flatMap((act) => Array<(typeof acts)[number]>(act[0]).fill(act));

let received = 0;
const server = await WireServer.start((request, peer) => {
  const [, applies, act] = pick(drawn, random);
  server.received.length = 0;
  received += 1;
  came[Number(/[?&]id=(\d+)/.exec(request.target)?.[1] ?? idIn(request))] = 1;
  if (applies && request.method !== "GET") apply(request);
  act(request, peer);
});

function apply(request: Received): void {
  const id = idIn(request);
  const keyed = request.headers["idempotency-key"] !== undefined;
  if (request.method === "POST") harmful[id] = 1;
  if (keyed && (applied[id] ?? 0) > 0) return;
  applied[id] = (applied[id] ?? 0) + 1;
}

function idIn({ body }: Received): number {
  return Number(/"id":(\d+)/.exec(body)?.[1]);
}

function books({ denied, unsent }: ChaosClaims): ChaosBooks {
  const twice: number[] = [];
  let sum = 0;
  applied.forEach((times, id) => {
    sum += times > 0 ? 1 : 0;
    if (times > 1 && harmful[id] === 1) twice.push(id);
  });
  return {
    received,
    open: server.open,
    connections: server.connections,
    applied: sum,
    twice,
    denied: denied.filter((id) => (applied[id] ?? 0) > 0),
    unsent: unsent.filter((id) => came[id] === 1),
  };
}

const control = createHttpServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  response.setHeader("connection", "close").end(JSON.stringify(books(JSON.parse(text) as ChaosClaims)));
});
control.listen(0, "127.0.0.1");
await once(control, "listening");
exitWithParent({
  onStop: async () => {
    control.close();
    await server.stop();
  },
});
const ready: ChaosReady = {
  url: server.url,
  control: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
};
sayReady(ready);

import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { assertDoors, type Door } from "./shared/door.ts";
import { exchangeFor } from "./shared/exchange.ts";
import { InProcessSocket } from "./shared/in-process-socket.ts";

/**
 * An agent for `http.request` and `https.request`, and so for every client and SDK that takes an agent: got, axios's
 * `http` adapter, and most SDKs that know no other door.
 *
 * An agent of `node:http` is asked for a connection and never sees a request. So this one gives a connection that ends
 * inside the process, at an HTTP server that listens on no port; what arrives there goes out through the integration,
 * and its answer goes back. A call that fails without an answer ends the client's request with the
 * {@link HttpFailure} itself. Both `http:` and `https:` requests can be given the same agent: TLS is the integration's.
 *
 * What it cannot do: hear of a client's own retries, except of those that say so in a header; set the client's own
 * timeouts aside. Turn both off in the client. A request and its answer are written and parsed once more, in memory.
 */
export function agentOf(...integrations: readonly [Door, ...Door[]]): Agent & HttpsAgent {
  assertDoors("agentOf", integrations);
  return new IntegrationAgent(integrations) as Agent as Agent & HttpsAgent;
}

class IntegrationAgent extends Agent {
  readonly #doors: readonly Door[];
  readonly #inside: Server;
  readonly #calls = new WeakMap<Socket, ClientCall>();

  constructor(doors: readonly Door[]) {
    super();
    // An agent without a protocol is taken for both.
    Object.assign(this, { protocol: undefined });
    this.#doors = doors;
    // No limits of its own: the client's and the integration's hold.
    const limits = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0, maxHeaderSize: 1_048_576 };
    this.#inside = createServer(limits, (request, response) => void this.#serve(request, response));
  }

  /** A request asks its agent for a connection by this, from within its constructor. */
  addRequest(call: ClientRequest, options: RequestOptions): void {
    const [outer, inner] = InProcessSocket.pair();
    this.#calls.set(asSocket(inner), new ClientCall(call, originOf(call, options)));
    if (options.timeout !== undefined) outer.limitIdle(options.timeout);
    this.#inside.emit("connection", inner);
    call.onSocket(asSocket(outer));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = this.#calls.get(request.socket);
    if (call === undefined) return;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    let unread: ReadableStream<Uint8Array> | undefined;
    try {
      const answer = await exchangeFor(this.#doors, {
        method: request.method ?? "",
        url: `${call.origin}${request.url}`,
        headers: pairsOf(request.rawHeaders),
        // An upload that is no longer wanted does not take the connection with it: an answer may be on its way.
        body: hasBody(request) ? request.iterator({ destroyOnReturn: false }) : undefined,
        signal: gone.signal,
      });
      unread = answer.body;
      response.sendDate = false;
      response.writeHead(answer.status, answer.headers.flat());
      const body = Readable.fromWeb(answer.body as WebStream);
      unread = undefined;
      // Before the connection goes, by which the client would hear of no more than a reset.
      body.once("error", (error) => call.fail(error));
      await pipeline(body, response);
    } catch (error) {
      unread?.cancel().catch(() => {});
      call.fail(error);
    }
  }
}

type WebStream = Parameters<typeof Readable.fromWeb>[0];

/** A request of a client, and its answer as soon as there is one. */
class ClientCall {
  readonly origin: string;
  readonly #request: ClientRequest;
  #answer: IncomingMessage | undefined;

  constructor(request: ClientRequest, origin: string) {
    this.#request = request;
    this.origin = origin;
    request.prependOnceListener("response", (answer) => {
      this.#answer = answer;
      // Nobody else listens, and then an answer is thrown away, so that its request can end.
      if (request.listenerCount("response") === 0) answer.resume();
    });
  }

  /** Ends the client's side with the failure itself: the answer when it has begun, else the request. */
  fail(error: unknown): void {
    const reason = error instanceof Error ? error : new Error("the call failed", { cause: error });
    const answer = this.#answer;
    if (answer === undefined) {
      this.#request.destroy(reason);
    } else if (!answer.destroyed) {
      const heard = answer.listenerCount("error") > 0;
      answer.on("error", () => {});
      // First of all: destroying says "aborted" first, and clients make an error without a reason of that.
      if (heard) answer.emit("error", reason);
      answer.destroy(reason);
    }
  }
}

function originOf({ protocol, host }: ClientRequest, { port }: RequestOptions): string {
  const name = host.includes(":") ? `[${host}]` : host;
  // Without a port in its URL a request has its agent's, which is 80 here for both schemes.
  const url = `${protocol}//${name}${Number(port) === 80 ? "" : `:${port}`}`;
  return URL.canParse(url) ? new URL(url).origin : url;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return pairs;
}

/** It has what `node:http` and its clients use of one. */
function asSocket(socket: InProcessSocket): Socket {
  return socket as unknown as Socket;
}

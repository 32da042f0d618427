import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a caller sees: an answer, or the code of the socket's error. */
export interface Seen {
  readonly status?: number;
  readonly headers?: IncomingHttpHeaders;
  readonly body?: Record<string, unknown>;
  readonly text?: string;
  readonly error?: string;
}

export interface Sent {
  /** Has nothing come yet? */
  readonly silent: boolean;
  readonly seen: Promise<Seen>;
  /** The connection that the request went over. */
  readonly socket: Promise<Socket>;
  /** The caller goes away. */
  leave(): void;
}

/** Sends one request over a plain socket, so that nothing repeats, pools or explains what happens. */
export function send(
  url: string,
  init: {
    readonly method?: string;
    readonly json?: unknown;
    readonly text?: string;
    readonly headers?: Record<string, string>;
    readonly agent?: Agent;
  } = {},
): Sent {
  const text = init.text ?? (init.json === undefined ? undefined : JSON.stringify(init.json));
  const message = request(url, {
    method: init.method ?? (text === undefined ? "GET" : "POST"),
    headers: { ...(text !== undefined && { "content-type": "application/json" }), ...init.headers },
    agent: init.agent ?? new Agent({ keepAlive: false }),
  });
  let silent = true;
  const seen = new Promise<Seen>((resolve) => {
    message.on("error", (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message }));
    message.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message }));
      response.on("end", () => {
        const { statusCode: status, headers } = response;
        const body = Buffer.concat(chunks).toString();
        const isJson = headers["content-type"]?.endsWith("json") === true && body.startsWith("{");
        resolve({
          ...(status !== undefined && { status }),
          headers,
          text: body,
          ...(isJson && !headers["content-type"]?.includes("ndjson") && { body: JSON.parse(body) }),
        });
      });
    });
  }).finally(() => {
    silent = false;
  });
  const socket = once(message, "socket").then(([each]) => each as Socket);
  message.end(text);
  return {
    get silent() {
      return silent;
    },
    seen,
    socket,
    leave: () => void message.destroy(),
  };
}

/** Looks again and again until the condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}

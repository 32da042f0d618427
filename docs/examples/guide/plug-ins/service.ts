import { once } from "node:events";
import { createServer } from "node:http";
import { onTestFinished } from "vitest";

export interface Service {
  readonly url: string;
  /** "POST /v1/orders", as they came over the wire. */
  readonly requests: readonly string[];
  readonly keys: readonly (string | undefined)[];
}

/** What a service answers: a status with a small JSON body, or a reset connection. */
export type ServiceAnswer = number | "reset";

/** A service that answers as it is told, the last answer for ever. It is gone when the test ends. */
export async function startService(...answers: readonly ServiceAnswer[]): Promise<Service> {
  const requests: string[] = [];
  const keys: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    for await (const _chunk of request);
    requests.push(`${request.method} ${request.url}`);
    keys.push(request.headers["idempotency-key"]?.toString());
    const answer = answers[Math.min(requests.length, answers.length) - 1] ?? 200;
    if (answer === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answer, { "content-type": "application/json" });
    response.end(answer < 300 ? '{"id":"7"}' : '{"error":{"message":"not now"}}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the service does not listen");
  return { url: `http://127.0.0.1:${address.port}`, requests, keys };
}

import { Agent } from "node:http";
import { httpIntegration } from "@outrigger/http";
import axios from "axios";
import got from "got";
import { type Dispatcher, Pool } from "undici";

/** Makes one request and reads its JSON. */
export type Get = () => Promise<unknown>;

/** Keeps at most so many connections to the server on this port. */
export type MakeClient = (port: number, connections: number) => Get;

/** Everything that protects a call, switched on and far from its bounds. */
function outrigger(port: number, connections: number, onEvent?: () => void): Get {
  const api = httpIntegration({
    name: "bench",
    baseUrl: `http://127.0.0.1:${port}`,
    timeout: { connect: "3s", read: "10s", attempt: "15s", total: "30s" },
    pool: { connections, acquire: "5s" },
    concurrency: { limit: 1_000 },
    retry: { maxRetries: 2 },
    breaker: { window: "10s", failureRatio: 0.5, minimumCalls: 20, openFor: "30s", probes: 5 },
    onEvent,
    operations: { order: { method: "GET", path: "/v1/orders/{id}" } },
  });
  return async () => (await api.request("order", { params: { id: "order-1" } })).json();
}

/** The least that undici can be asked for: its handler, the chunks, the text, the JSON. */
function dispatch(pool: Pool): Get {
  return () =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: (_controller, chunk) => void chunks.push(chunk),
        onResponseEnd: () => {
          const [only] = chunks;
          const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
          resolve(JSON.parse(whole.toString()));
        },
        onResponseError: (_controller, error) => reject(error),
      };
      pool.dispatch({ method: "GET", path }, handler);
    });
}

const path = "/v1/orders/order-1";

export const clients: Readonly<Record<string, MakeClient>> = {
  "undici.request": (port, connections) => {
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections });
    return async () => (await pool.request({ method: "GET", path })).body.json();
  },
  outrigger: (port, connections) => outrigger(port, connections),
  "outrigger, observed": (port, connections) => outrigger(port, connections, () => {}),
  "undici.dispatch": (port, connections) => dispatch(new Pool(`http://127.0.0.1:${port}`, { connections })),
  axios: (port, connections) => {
    const httpAgent = new Agent({ keepAlive: true, maxSockets: connections });
    const client = axios.create({ baseURL: `http://127.0.0.1:${port}`, httpAgent, timeout: 10_000 });
    return async () => (await client.get<unknown>(path)).data;
  },
  got: (port, connections) => {
    const http = new Agent({ keepAlive: true, maxSockets: connections });
    const client = got.extend({
      prefixUrl: `http://127.0.0.1:${port}`,
      agent: { http },
      timeout: { request: 10_000 },
    });
    return () => client.get(path.slice(1)).json();
  },
};

import { fixed } from "@outrigger/core";
import { onTestFinished } from "vitest";
import {
  type HttpEvent,
  type HttpIntegration,
  type HttpIntegrationOptions,
  httpIntegration,
  type OperationOptions,
} from "../../src/index.ts";
import { type Answer, Provider } from "./provider.ts";

type Settings = Partial<HttpIntegrationOptions<Record<string, OperationOptions>>>;

export interface ClientLane {
  readonly provider: Provider;
  readonly api: HttpIntegration;
  readonly events: HttpEvent[];
}

/**
 * A provider, and an integration that calls it: three attempts at once, no breaker, and a key on every POST. Both are
 * gone when the test ends, and then no socket is open.
 */
export async function lane(settings: Settings = {}): Promise<ClientLane> {
  const provider = await Provider.start();
  const events: HttpEvent[] = [];
  const api = httpIntegration({
    name: "provider",
    baseUrl: provider.url,
    breaker: false,
    retry: { maxRetries: 2, backoff: fixed("1ms"), jitter: "none" },
    idempotency: { header: "Idempotency-Key", window: "1d" },
    refusals: [402],
    onEvent: (event) => events.push(event),
    operations: { ping: { method: "GET", path: "/ping" } },
    ...settings,
  });
  onTestFinished(async () => {
    await api.close({ within: "0ms" });
    await provider.stop();
  });
  return { provider, api, events };
}

/** Opens the circuit, by one call that fails. */
export async function withOpenBreaker(answer: Answer): Promise<ClientLane> {
  const opened = await lane({ breaker: { consecutiveFailures: 1, minimumCalls: 1 }, retry: false });
  opened.provider.answer((response) => {
    response.writeHead(500);
    response.end();
  });
  await opened.api.request("ping").catch(() => {});
  opened.provider.arrived.length = 0;
  opened.provider.answer(answer);
  return opened;
}

/** What a promise was rejected with. @throws if it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was not rejected, but resolved with ${JSON.stringify(value)}`);
}

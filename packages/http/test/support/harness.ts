import { VirtualClock } from "@outrigger/lab";
import { expect, onTestFinished } from "vitest";
import {
  type HttpEvent,
  HttpFailure,
  type HttpIntegration,
  type HttpIntegrationOptions,
  httpIntegration,
  type OperationOptions,
} from "../../src/index.ts";
import { type Behaviour, WireServer } from "./wire-server.ts";

/** One operation of each kind: a read, a change with a key, and a change that must not be sent twice. */
export const operations = {
  read: { method: "GET", path: "/read" },
  keyed: {
    method: "POST",
    path: "/keyed",
    idempotency: { header: "Idempotency-Key", window: "1d" },
    refusals: [402],
  },
  plain: { method: "POST", path: "/plain", refusals: [402] },
} as const satisfies Record<string, OperationOptions>;

export type OperationName = keyof typeof operations;

export interface Lane {
  readonly server: WireServer;
  readonly api: HttpIntegration<OperationName>;
  readonly events: HttpEvent[];
}

type Settings = Partial<HttpIntegrationOptions<typeof operations>>;

/** An integration, and a list of what it says. Closed when the test ends. */
export function integrate(baseUrl: string, settings: Settings = {}): Omit<Lane, "server"> {
  const events: HttpEvent[] = [];
  const api = httpIntegration({
    name: "lab",
    baseUrl,
    breaker: false,
    retry: false,
    onEvent: (event) => events.push(event),
    operations,
    ...settings,
  });
  onTestFinished(() => closeNow(api, settings.clock));
  return { api, events };
}

/** Ends what runs, and closes. On a virtual clock time does not pass by itself, not even none. */
export async function closeNow(api: HttpIntegration, clock: unknown): Promise<void> {
  const closed = api.close({ within: "0ms" });
  if (clock instanceof VirtualClock) await clock.advance(0);
  await closed;
}

/** A server and an integration that calls it. Both are gone when the test ends. */
export async function lane(behaviour: Behaviour, settings: Settings = {}): Promise<Lane> {
  const server = await WireServer.start(behaviour);
  onTestFinished(() => server.stop());
  return { server, ...integrate(server.url, settings) };
}

/** Sends the operation as its kind needs it. */
export function send(
  api: HttpIntegration<OperationName>,
  operation: OperationName,
  options: { signal?: AbortSignal; id?: string } = {},
): ReturnType<typeof api.request> {
  const { signal, id = "order-1" } = options;
  return api.request(operation, {
    ...(operation === "read" ? { query: { id } } : { json: { id } }),
    ...(operation === "keyed" ? { key: `key-of-${id}` } : {}),
    signal,
  });
}

/** What a call failed with. @throws if it did not fail, or not with an {@link HttpFailure}. */
export async function failureOf(call: Promise<unknown>): Promise<HttpFailure> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (HttpFailure.is(error)) return error;
  throw error;
}

export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAtMs = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedAtMs };
}

/**
 * What a call ended with, after it was shown to end at this time of the clock and not a millisecond before. The clock
 * stands still meanwhile, so no machine is too slow for it.
 */
export async function endsAfter<T>(clock: VirtualClock, ms: number, call: Promise<T>): Promise<T> {
  let ended = false;
  const note = (): void => {
    ended = true;
  };
  call.then(note, note);
  await clock.advance(ms - 1);
  expect(ended).toBe(false);
  await clock.advance(1);
  await until(() => ended);
  return await call;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Holds the event loop, so that what arrives meanwhile waits in the kernel. */
export function blockLoop(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

/** Waits until the condition holds. @throws after five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const untilMs = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > untilMs) throw new Error(`still not so after 5 s: ${condition}`);
    await sleep(2);
  }
}

import {
  type Clock,
  concurrencyLimit,
  deadline,
  execute,
  fixed,
  pipeline,
  retry,
  systemClock,
} from "@outrigger/core";
import { onTestFinished } from "vitest";
import { parseConnect } from "../../src/connect/connect-options.ts";
import { type Connector, createConnector } from "../../src/connect/connector.ts";
import type { HttpEvent } from "../../src/index.ts";
import type { PoolOptions } from "../../src/options/pool-options.ts";
import { parsePool } from "../../src/options/pool-options.ts";
import type { TlsOptions } from "../../src/options/tls.ts";
import { ConnectionPool } from "../../src/pool/connection-pool.ts";
import type { HttpResponse } from "../../src/response.ts";
import type { BodyReader, BodySource, PreparedRequest } from "../../src/transport/request.ts";
import type { StreamedResponse } from "../../src/transport/streamed-response.ts";
import { transport } from "../../src/transport/transport.ts";

export interface RawOptions {
  readonly clock?: Clock;
  readonly pool?: PoolOptions;
  readonly total?: `${number}s`;
  readonly retries?: number;
  readonly random?: () => number;
  readonly connector?: Connector;
  /** Calls at a time. */
  readonly limit?: number;
  readonly tls?: TlsOptions;
}

export interface Raw {
  readonly pool: ConnectionPool;
  readonly limit: ReturnType<typeof concurrencyLimit>;
  readonly events: HttpEvent[];
  send(request?: Partial<PreparedRequest>): Promise<HttpResponse | StreamedResponse>;
  /** Sends a GET and gives its streamed answer. */
  stream(request?: Partial<PreparedRequest>): Promise<StreamedResponse>;
}

/** The transport under a deadline, a retry and a limit, without what an integration puts around it. */
export function rawTransport(url: string, options: RawOptions = {}): Raw {
  const { clock = systemClock, total = "30s", retries = 0 } = options;
  const settings = parsePool("pool", { connections: 1, ...options.pool });
  const { origin } = new URL(url);
  const events: HttpEvent[] = [];
  const pool = new ConnectionPool(
    {
      ...settings,
      origin,
      connector:
        options.connector ??
        createConnector(
          parseConnect(
            {},
            { origin, tls: options.tls ?? {}, connectMs: 3_000, clock, allowH2: settings.http2 },
          ),
        ),
      connectMs: 3_000,
      clock,
      random: options.random ?? (() => 0),
    },
    { opened: () => {}, failed: () => {}, closed: () => {} },
  );
  onTestFinished(() => pool.destroy(new Error("the test is over")));
  const limit = concurrencyLimit(options.limit ?? 1);
  const call = pipeline(
    deadline(total),
    retry({ maxRetries: retries, backoff: fixed("0ms") }),
    limit,
  )(
    transport({
      integration: "lab",
      peer: new URL(url).host,
      pool,
      acquireMs: settings.acquireMs,
      leakMs: settings.leakMs,
      emit: (event) => events.push(event),
    }),
  );
  const send: Raw["send"] = (request = {}) => {
    const method = request.method ?? "GET";
    const readOnly = method === "GET";
    const prepared: PreparedRequest = {
      operation: "test",
      method,
      target: "/",
      headers: [],
      body: undefined,
      repeatable: readOnly,
      contract: {
        readOnly,
        keyed: false,
        statuses: new Map(),
        codes: new Map(),
        codeAt: undefined,
        successCodes: undefined,
      },
      readMs: 10_000,
      maxResponseBytes: Number.POSITIVE_INFINITY,
      progress: { attempts: 0, writtenBefore: false, current: undefined },
      ...request,
    };
    return execute(call, prepared, { clock, signal: request.signal, idempotent: prepared.repeatable });
  };
  return {
    pool,
    limit,
    events,
    send,
    stream: async (request) => (await send({ answer: "stream", ...request })) as StreamedResponse,
  };
}

/** A source that the test feeds by hand. */
export class HandFed implements BodySource {
  readonly length: number | undefined;
  readonly replayable: boolean;
  readonly whyOnce: string | undefined;
  opened = 0;
  cancelled: unknown[] = [];
  #give: ((chunk: Uint8Array | undefined) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(options: { length?: number; replayable?: boolean; whyOnce?: string } = {}) {
    this.length = options.length;
    this.replayable = options.replayable ?? false;
    this.whyOnce = options.whyOnce;
  }

  get isAsked(): boolean {
    return this.#give !== undefined;
  }

  open(): BodyReader {
    this.opened += 1;
    return {
      read: () =>
        new Promise((resolve, reject) => {
          this.#give = resolve;
          this.#fail = reject;
        }),
      cancel: (reason) => void this.cancelled.push(reason),
    };
  }

  give(text: string | undefined): void {
    const give = this.#give;
    this.#give = undefined;
    give?.(text === undefined ? undefined : Buffer.from(text));
  }

  fail(error: Error): void {
    this.#fail?.(error);
  }
}

/** A source that gives these chunks each time it is opened. */
export function chunks(
  texts: readonly string[],
  options: Partial<BodySource> = {},
): BodySource & { opened: number } {
  const source = {
    opened: 0,
    length: undefined,
    replayable: true,
    ...options,
    open: (): BodyReader => {
      source.opened += 1;
      const rest = [...texts];
      return {
        read: () => {
          const next = rest.shift();
          return Promise.resolve(next === undefined ? undefined : Buffer.from(next));
        },
        cancel: () => {},
      };
    },
  };
  return source;
}

import {
  assertKnownKeys,
  attemptTimeout,
  type Call,
  type CallContext,
  circuitBreaker,
  concurrencyLimit,
  type Duration,
  deadline,
  durationMs,
  EventStream,
  execute,
  Failure,
  type Policy,
  pipeline,
  retry,
} from "@outrigger/core";
import { codeOf } from "./classify/connection-error.ts";
import { createConnector } from "./connect/connector.ts";
import type { HttpEvent } from "./events.ts";
import { HttpFailure, httpFailureCodes } from "./failure.ts";
import type { Operation, OperationOptions } from "./operation.ts";
import { httpDefaults } from "./options/defaults.ts";
import { type HttpIntegrationOptions, parseOptions, type Settings } from "./options/options.ts";
import { ConnectionPool } from "./pool/connection-pool.ts";
import { prepare, type RequestOptions } from "./request/prepare.ts";
import type { HttpResponse } from "./response.ts";
import type { HttpIntegrationSnapshot } from "./snapshot.ts";
import type { PreparedRequest } from "./transport/request.ts";
import { transport } from "./transport/transport.ts";
import { asHttpFailure } from "./wrap-failure.ts";

/** One external service. */
export interface HttpIntegration<Name extends string = string> {
  readonly name: string;
  /**
   * Calls an operation and resolves with the complete answer of status 200 to 299.
   *
   * @throws {@link HttpFailure} for everything else; its `effect` says whether the service may have acted.
   */
  request(operation: Name, options?: RequestOptions): Promise<HttpResponse>;
  snapshot(): HttpIntegrationSnapshot;
  /**
   * Lets no new call in, waits for those that run, and after `within` ends them; then closes every connection.
   * Closing twice waits for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /** @defaultValue "5s" */
  readonly within?: Duration | undefined;
}

/**
 * Describes an external service once, and calls its operations with what the description says: every call under one
 * deadline, retried where that is safe, through one circuit breaker, one concurrency limit and one pool.
 *
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function httpIntegration<const Operations extends Record<string, OperationOptions>>(
  options: HttpIntegrationOptions<Operations>,
): HttpIntegration<keyof Operations & string> {
  return new Integration(parseOptions(options));
}

type Send = Call<PreparedRequest, HttpResponse>;

class Integration implements HttpIntegration {
  readonly name: string;
  readonly #settings: Settings;
  readonly #emit: ((event: HttpEvent) => void) | undefined;
  readonly #pool: ConnectionPool;
  readonly #sends = new Map<string, { readonly operation: Operation; readonly send: Send }>();
  readonly #breaker: ReturnType<typeof circuitBreaker> | undefined;
  readonly #breakers = new Map<string, ReturnType<typeof circuitBreaker>>();
  readonly #limit: ReturnType<typeof concurrencyLimit> | undefined;
  readonly #running = new Set<CallContext>();
  readonly #counts = { succeeded: 0, failed: 0 };
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(settings: Settings) {
    this.name = settings.name;
    this.#settings = settings;
    this.#emit = emitterOf(settings);
    this.#pool = this.#buildPool();
    const observed = { name: settings.name, ...(this.#emit === undefined ? {} : { onEvent: this.#emit }) };
    const { clock, random } = settings;
    if (settings.breaker !== false)
      this.#breaker = circuitBreaker({ ...settings.breaker, ...observed, clock });
    if (settings.concurrency !== false)
      this.#limit = concurrencyLimit({ ...settings.concurrency, ...observed });
    const again = settings.retry === false ? undefined : retry({ ...settings.retry, ...observed, random });
    const send = transport({
      integration: settings.name,
      peer: hostAndPort(settings.baseUrl.origin),
      pool: this.#pool,
      acquireMs: settings.pool.acquireMs,
      emit: this.#emit,
    });
    for (const [name, operation] of settings.operations) {
      const { attempt, total } = operation.timeout;
      if (settings.breaker !== false && operation.breaker === "own") {
        const own = { ...observed, name: `${settings.name}.${name}` };
        this.#breakers.set(name, circuitBreaker({ ...settings.breaker, ...own, clock }));
      }
      const policies: readonly (Policy | undefined)[] = [
        this.#register,
        deadline({ total, ...observed }),
        again,
        this.#breakers.get(name) ?? this.#breaker,
        this.#limit,
        attempt === undefined ? undefined : attemptTimeout({ timeout: attempt, ...observed }),
      ];
      const call = pipeline(...policies.filter((policy) => policy !== undefined))(send);
      this.#sends.set(name, { operation, send: call });
    }
  }

  async request(name: string, options: RequestOptions = {}): Promise<HttpResponse> {
    if (this.#closing !== undefined)
      throw this.#rejection(name, httpFailureCodes.closed, "the integration is closed");
    const { request, key, send } = this.#prepare(name, options);
    const { clock } = this.#settings;
    const startedAtMs = clock.now();
    try {
      const response = await execute(send, request, {
        key,
        idempotent: request.repeatable,
        signal: options.signal,
        deadlineAtMs: options.deadlineAtMs,
        clock,
      });
      this.#counts.succeeded += 1;
      this.#report(request, startedAtMs, undefined, response.status);
      return response;
    } catch (error) {
      this.#counts.failed += 1;
      const failure = asHttpFailure(error, this.name, name, request.progress);
      this.#report(request, startedAtMs, failure, HttpFailure.is(failure) ? failure.status : undefined);
      throw failure;
    }
  }

  snapshot(): HttpIntegrationSnapshot {
    return {
      name: this.name,
      breaker: this.#breaker?.snapshot() ?? null,
      breakers: Object.fromEntries([...this.#breakers].map(([name, each]) => [name, each.snapshot()])),
      concurrency: this.#limit?.snapshot() ?? null,
      pool: this.#pool.snapshot(),
      calls: { running: this.#running.size, ...this.#counts },
    };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    assertKnownKeys("close", options, ["within"]);
    const withinMs = durationMs("close.within", options.within ?? httpDefaults.close.within, { minMs: 0 });
    this.#closing = this.#close(withinMs);
    return this.#closing;
  }

  async #close(withinMs: number): Promise<void> {
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#settings.clock.setTimer(withinMs, resolve);
        this.#whenIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const context of this.#running) {
      context.abort(
        new Failure("the integration was closed", {
          code: httpFailureCodes.closed,
          effect: context.effect,
          kind: "aborted",
        }),
      );
    }
    await this.#pool.destroy(closedError());
  }

  #prepare(
    name: string,
    options: RequestOptions,
  ): { request: PreparedRequest; key: string | undefined; send: Send } {
    const known = this.#sends.get(name);
    if (known === undefined) {
      const names = [...this.#sends.keys()].join(", ");
      throw this.#rejection(
        name,
        httpFailureCodes.requestInvalid,
        `there is no such operation; there are ${names}`,
      );
    }
    try {
      const { newKey, maxResponseBytes, baseUrl } = this.#settings;
      const prepared = prepare(known.operation, options, {
        newKey,
        maxResponseBytes,
        prefix: baseUrl.prefix,
      });
      return { ...prepared, send: known.send };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#rejection(name, httpFailureCodes.requestInvalid, why, cause);
    }
  }

  /** Nothing was sent, and the failure says so: a caller that keeps books needs to know it for a wrong key as well. */
  #rejection(operation: string, code: string, why: string, cause?: unknown): HttpFailure {
    return new HttpFailure(`${this.name}.${operation}: ${why}`, {
      code,
      effect: "none",
      kind: "rejected",
      transient: false,
      integration: this.name,
      operation,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** The outermost policy: knows which calls run, so that closing can end them. */
  readonly #register: Policy = (next) => (input, context) => {
    this.#running.add(context);
    return next(input, context).finally(() => {
      this.#running.delete(context);
      if (this.#running.size === 0) this.#whenIdle?.();
    });
  };

  #report(request: PreparedRequest, startedAtMs: number, error: unknown, status: number | undefined): void {
    if (this.#emit === undefined) return;
    const failure = Failure.is(error) ? error : undefined;
    this.#emit({
      type: "callFinished",
      integration: this.name,
      operation: request.operation,
      attempts: request.progress.attempts,
      code: failure?.code ?? (error === undefined ? undefined : "UNKNOWN"),
      effect: failure?.effect,
      status,
      durationMs: this.#settings.clock.now() - startedAtMs,
    });
  }

  #buildPool(): ConnectionPool {
    const { baseUrl, clock, connect, name, pool, timeout } = this.#settings;
    const emit = this.#emit;
    return new ConnectionPool(
      {
        ...pool,
        origin: baseUrl.origin,
        connector: createConnector(connect),
        connectMs: timeout.connectMs,
        clock,
      },
      {
        opened: (_connection, durationMs) =>
          emit?.({ type: "connectionOpened", integration: name, durationMs }),
        failed: (_connection, error, durationMs) =>
          emit?.({
            type: "connectionFailed",
            integration: name,
            code: codeOf(error) ?? "UNKNOWN",
            durationMs,
          }),
        closed: (connection, error) =>
          emit?.({
            type: "connectionClosed",
            integration: name,
            served: connection.served,
            code: codeOf(error),
          }),
      },
    );
  }
}

function hostAndPort(origin: string): string {
  const { hostname, port, protocol } = new URL(origin);
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}

function closedError(): Error {
  return Object.assign(new Error("the integration was closed"), { code: httpFailureCodes.closed });
}

/** Undefined when nobody listens, so that no event is built. */
function emitterOf({ onEvent }: Settings): ((event: HttpEvent) => void) | undefined {
  if (onEvent === undefined) return undefined;
  const stream = new EventStream<HttpEvent>();
  stream.subscribe(onEvent);
  return stream.emit;
}

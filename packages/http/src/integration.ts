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
import { answerOfFailure, answerOfSuccess, type HttpAnswer, type StreamedAnswer } from "./answer.ts";
import { codeOf } from "./classify/connection-error.ts";
import { createConnector } from "./connect/connector.ts";
import type { HttpEvent } from "./events.ts";
import { type ExchangeRequest, type OperationLookup, prepareExchange } from "./exchange-request.ts";
import { HttpFailure, httpFailureCodes } from "./failure.ts";
import { type HttpMethod, implicitOperation, type Operation, type OperationOptions } from "./operation.ts";
import { httpDefaults } from "./options/defaults.ts";
import { type HttpIntegrationOptions, parseOptions, type Settings } from "./options/options.ts";
import { ConnectionPool } from "./pool/connection-pool.ts";
import { closeBody } from "./request/body.ts";
import {
  type AnswerKind,
  type Prepared,
  type PrepareSettings,
  prepare,
  type RequestOptions,
} from "./request/prepare.ts";
import { Routes } from "./request/routes.ts";
import type { HttpResponse } from "./response.ts";
import type { HttpIntegrationSnapshot } from "./snapshot.ts";
import { isSource, type PreparedRequest } from "./transport/request.ts";
import type { StreamedResponse } from "./transport/streamed-response.ts";
import { transport } from "./transport/transport.ts";
import { asHttpFailure } from "./wrap-failure.ts";

/** One external service. */
export interface HttpIntegration<Name extends string = string> {
  readonly name: string;
  /** Scheme, host, port and path in front of every operation's; without a slash at its end. */
  readonly baseUrl: string;
  /**
   * Calls an operation and resolves with the complete answer of status 200 to 299.
   *
   * @throws {@link HttpFailure} for everything else; its `effect` says whether the service may have acted.
   */
  request(operation: Name, options?: RequestOptions): Promise<HttpResponse>;
  /**
   * Calls an operation and resolves at the head of an answer of status 200 to 299; its body is read as it comes.
   *
   * `timeout.read` bounds the gaps in it while somebody reads, `timeout.total` and `deadlineAtMs` bound all of it. Read
   * it to its end or cancel it: until then it holds its connection, and its place in the concurrency limit.
   *
   * @throws {@link HttpFailure} for everything else, as {@link request} does. The body fails with one as well.
   */
  stream(operation: Name, options?: RequestOptions): Promise<StreamedResponse>;
  /**
   * Makes a request that is described by method and URL, for other HTTP clients and whatever speaks their language:
   * under the same policies as {@link request}, and by the declaration of the operation that it fits.
   *
   * Resolves with the last answer, whatever its status: what it means stands beside it. No redirect is followed.
   *
   * @throws {@link HttpFailure} when no answer came; its `effect` says whether the service may have acted.
   */
  exchange(request: ExchangeRequest & { readonly stream: true }): Promise<StreamedAnswer>;
  exchange(request: ExchangeRequest & { readonly stream?: false | undefined }): Promise<HttpAnswer>;
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

type Response = HttpResponse | StreamedResponse;
type Send = Call<PreparedRequest, Response>;
interface WithOperation {
  readonly operation: Operation;
}

const noOptions: RequestOptions = {};

/** How a call is ended by its caller. */
type CallBounds = Pick<RequestOptions, "signal" | "deadlineAtMs">;

class Integration implements HttpIntegration {
  readonly name: string;
  readonly baseUrl: string;
  readonly #settings: Settings;
  readonly #emit: ((event: HttpEvent) => void) | undefined;
  readonly #pool: ConnectionPool;
  readonly #routes: Routes;
  readonly #implicit = new Map<string, Operation>();
  readonly #sends = new Map<Operation, Send>();
  readonly #transport: Send;
  readonly #again: Policy | undefined;
  readonly #observed: { readonly name: string; readonly onEvent?: (event: HttpEvent) => void };
  readonly #prepareSettings: PrepareSettings;
  readonly #lookup: OperationLookup;
  readonly #breaker: ReturnType<typeof circuitBreaker> | undefined;
  readonly #breakers = new Map<string, ReturnType<typeof circuitBreaker>>();
  readonly #limit: ReturnType<typeof concurrencyLimit> | undefined;
  readonly #running = new Set<CallContext>();
  readonly #counts = { succeeded: 0, failed: 0 };
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(settings: Settings) {
    const { clock, random, baseUrl, name } = settings;
    this.name = name;
    this.baseUrl = `${baseUrl.origin}${baseUrl.prefix}`;
    this.#settings = settings;
    this.#emit = emitterOf(settings);
    this.#pool = this.#buildPool();
    this.#observed = { name, ...(this.#emit === undefined ? {} : { onEvent: this.#emit }) };
    if (settings.breaker !== false)
      this.#breaker = circuitBreaker({ ...settings.breaker, ...this.#observed, clock });
    if (settings.concurrency !== false)
      this.#limit = concurrencyLimit({ ...settings.concurrency, ...this.#observed });
    if (settings.retry !== false) this.#again = retry({ ...settings.retry, ...this.#observed, random });
    this.#transport = transport({
      integration: name,
      peer: hostAndPort(baseUrl.origin),
      pool: this.#pool,
      acquireMs: settings.pool.acquireMs,
      leakMs: settings.pool.leakMs,
      emit: this.#emit,
    });
    const { newKey, maxResponseBytes, replay } = settings;
    this.#prepareSettings = { newKey, maxResponseBytes, replay, prefix: baseUrl.prefix };
    this.#routes = new Routes(settings.operations.values());
    this.#lookup = {
      baseUrl,
      named: (operation) => settings.operations.get(operation),
      fitting: (method, path) => this.#routes.match(method, path) ?? this.#implicitOf(method),
    };
    for (const operation of settings.operations.values()) this.#sends.set(operation, this.#build(operation));
  }

  /** The policies around one operation's requests. */
  #build(operation: Operation): Send {
    const { breaker, clock } = this.#settings;
    const { attempt, total } = operation.timeout;
    const observed = this.#observed;
    if (breaker !== false && operation.breaker === "own") {
      const own = { ...observed, name: `${this.name}.${operation.name}` };
      this.#breakers.set(operation.name, circuitBreaker({ ...breaker, ...own, clock }));
    }
    const policies: readonly (Policy | undefined)[] = [
      this.#register,
      deadline({ total, ...observed }),
      this.#again,
      this.#breakers.get(operation.name) ?? this.#breaker,
      this.#limit,
      attempt === undefined ? undefined : attemptTimeout({ timeout: attempt, ...observed }),
    ];
    return pipeline(...policies.filter((policy) => policy !== undefined))(this.#transport);
  }

  async request(name: string, options: RequestOptions = noOptions): Promise<HttpResponse> {
    // Asked for as a whole, so it is one.
    return (await this.#call(this.#prepareNamed(name, options, "whole"), options)) as HttpResponse;
  }

  async stream(name: string, options: RequestOptions = noOptions): Promise<StreamedResponse> {
    return (await this.#call(this.#prepareNamed(name, options, "stream"), options)) as StreamedResponse;
  }

  exchange(request: ExchangeRequest & { readonly stream: true }): Promise<StreamedAnswer>;
  exchange(request: ExchangeRequest & { readonly stream?: false | undefined }): Promise<HttpAnswer>;
  async exchange(request: ExchangeRequest): Promise<HttpAnswer | StreamedAnswer> {
    const prepared = this.#prepare("exchange", () =>
      prepareExchange(request, this.#lookup, this.#prepareSettings),
    );
    const { name } = prepared.operation;
    return await this.#call(prepared, request).then(
      (response) => answerOfSuccess(name, prepared.request, response),
      (error: unknown) => {
        const answer = answerOfFailure(name, prepared.request, error);
        if (answer === undefined) throw error;
        return answer;
      },
    );
  }

  async #call(
    { operation, request, key }: Prepared & WithOperation,
    { signal, deadlineAtMs }: CallBounds,
  ): Promise<Response> {
    const { clock } = this.#settings;
    const startedAtMs = clock.now();
    try {
      const response = await execute(this.#sendOf(operation), request, {
        key,
        idempotent: request.repeatable,
        signal,
        deadlineAtMs,
        clock,
      });
      this.#counts.succeeded += 1;
      this.#report(request, startedAtMs, undefined, response.status);
      return response;
    } catch (error) {
      this.#counts.failed += 1;
      const failure = asHttpFailure(error, this.name, operation.name, request.progress);
      this.#report(request, startedAtMs, failure, HttpFailure.is(failure) ? failure.status : undefined);
      throw failure;
    } finally {
      if (isSource(request.body)) closeBody(request.body);
    }
  }

  #implicitOf(method: HttpMethod): Operation {
    let operation = this.#implicit.get(method);
    if (operation === undefined) {
      operation = implicitOperation(method, this.#settings.operationDefaults);
      this.#implicit.set(method, operation);
    }
    return operation;
  }

  #sendOf(operation: Operation): Send {
    let send = this.#sends.get(operation);
    if (send === undefined) {
      send = this.#build(operation);
      this.#sends.set(operation, send);
    }
    return send;
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

  #prepareNamed(name: string, options: RequestOptions, answer: AnswerKind): Prepared & WithOperation {
    const operation = this.#settings.operations.get(name);
    return this.#prepare(name, () => {
      if (operation !== undefined)
        return { operation, ...prepare(operation, options, this.#prepareSettings, answer) };
      const names = [...this.#settings.operations.keys()].join(", ");
      throw new RangeError(`there is no such operation; there are ${names}`);
    });
  }

  /** @throws {@link HttpFailure} `REQUEST_INVALID` for what cannot be sent, `INTEGRATION_CLOSED` after `close`. */
  #prepare<P extends Prepared>(name: string, make: () => P): P {
    if (this.#closing !== undefined)
      throw this.#rejection(name, httpFailureCodes.closed, "the integration is closed");
    try {
      return make();
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
      // A streamed body goes on after its call was answered.
      context.whenWorkEnds(() => {
        this.#running.delete(context);
        if (this.#running.size === 0) this.#whenIdle?.();
      });
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

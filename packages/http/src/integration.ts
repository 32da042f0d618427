import {
  assertKnownKeys,
  CallContext,
  type Duration,
  durationMs,
  EventStream,
  type ExternalCall,
  executeIn,
  externalCallWatch,
  Failure,
} from "@outrigger/core";
import { answerOfFailure, answerOfSuccess, type HttpAnswer, type StreamedAnswer } from "./answer.ts";
import { Catalogue } from "./calls/catalogue.ts";
import { OperationPolicies } from "./calls/operation-policies.ts";
import { RunningCalls } from "./calls/running-calls.ts";
import type { Send } from "./calls/send.ts";
import { Transports } from "./calls/transports.ts";
import { type KeyUse, UsedKeys } from "./calls/used-keys.ts";
import type { HttpEvent } from "./events.ts";
import { type ExchangeRequest, prepareExchange } from "./exchange-request.ts";
import { HttpFailure, httpFailureCodes } from "./failure.ts";
import type { Operation, OperationOptions } from "./operation.ts";
import { httpDefaults } from "./options/defaults.ts";
import { type HttpIntegrationOptions, parseOptions, type Settings } from "./options/options.ts";
import { closeBody } from "./request/body.ts";
import { fingerprintOf } from "./request/fingerprint.ts";
import {
  type AnswerKind,
  type HttpCallOptions,
  type Prepared,
  type PrepareSettings,
  prepare,
  type RequestOptions,
} from "./request/prepare.ts";
import type { HttpResponse } from "./response.ts";
import type { HttpIntegrationSnapshot } from "./snapshot.ts";
import { type CallProgress, isSource, type PreparedRequest } from "./transport/request.ts";
import type { StreamedResponse } from "./transport/streamed-response.ts";
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

interface PreparedCall extends Prepared {
  readonly operation: Operation;
}

const noOptions: RequestOptions = {};

class Integration implements HttpIntegration {
  readonly name: string;
  readonly baseUrl: string;
  readonly #settings: Settings;
  readonly #prepareSettings: PrepareSettings;
  readonly #emit: ((event: HttpEvent) => void) | undefined;
  readonly #catalogue: Catalogue;
  readonly #running = new RunningCalls();
  readonly #policies: OperationPolicies;
  readonly #transports: Transports;
  readonly #sends = new Map<Operation, Send>();
  readonly #usedKeys: UsedKeys;
  readonly #counts = { succeeded: 0, failed: 0 };
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    const { baseUrl, name } = settings;
    this.name = name;
    this.baseUrl = `${baseUrl.origin}${baseUrl.prefix}`;
    this.#settings = settings;
    this.#usedKeys = new UsedKeys(settings.clock);
    this.#prepareSettings = { ...settings, prefix: baseUrl.prefix };
    this.#emit = emitterOf(settings);
    this.#catalogue = new Catalogue(settings);
    this.#policies = new OperationPolicies(settings, this.#emit);
    this.#transports = new Transports(settings, this.#emit);
    for (const operation of settings.operations.values()) this.#sendOf(operation);
    // Made now, so that defaults which cannot work are refused here and not at some first request.
    this.#sendOf(this.#catalogue.implicit("POST"));
  }

  request(name: string, options: RequestOptions = noOptions): Promise<HttpResponse> {
    // Asked for as a whole, so it is one.
    return this.#callNamed(name, options, "whole") as Promise<HttpResponse>;
  }

  stream(name: string, options: RequestOptions = noOptions): Promise<StreamedResponse> {
    return this.#callNamed(name, options, "stream") as Promise<StreamedResponse>;
  }

  exchange(request: ExchangeRequest & { readonly stream: true }): Promise<StreamedAnswer>;
  exchange(request: ExchangeRequest & { readonly stream?: false | undefined }): Promise<HttpAnswer>;
  async exchange(request: ExchangeRequest): Promise<HttpAnswer | StreamedAnswer> {
    const prepared = this.#prepare("exchange", () =>
      prepareExchange(request, this.#catalogue, this.#prepareSettings),
    );
    const { name } = prepared.operation;
    const asStream = request.stream === true;
    return await this.#call(prepared, request).then(
      (response) => answerOfSuccess(name, prepared.request.progress, response, asStream),
      (error: unknown) => {
        const answer = answerOfFailure(name, error, asStream);
        if (answer === undefined) throw error;
        return answer;
      },
    );
  }

  /** Not async: a promise of its own would be one more for each call. */
  #callNamed(
    name: string,
    options: RequestOptions,
    answer: AnswerKind,
  ): Promise<HttpResponse | StreamedResponse> {
    try {
      return this.#call(this.#prepareNamed(name, options, answer), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #call(
    call: PreparedCall,
    { signal, deadlineAtMs }: HttpCallOptions,
  ): Promise<HttpResponse | StreamedResponse> {
    const { operation, request, key } = call;
    const { clock } = this.#settings;
    const { name } = operation;
    const context = new CallContext({
      key,
      operation: name,
      idempotent: request.repeatable,
      deadlineAtMs,
      clock,
    });
    const keyUse = call.keyGiven ? this.#useKey(call) : undefined;
    const startedAtMs = clock.now();
    this.#running.began(context);
    try {
      const watch = externalCallWatch();
      const send = this.#sendOf(operation);
      const response = await (watch === undefined
        ? executeIn(context, send, request, signal)
        : watch(this.#about(operation), () => executeIn(context, send, request, signal)));
      this.#counts.succeeded += 1;
      this.#report(request, startedAtMs, undefined, response.status);
      return response;
    } catch (error) {
      this.#counts.failed += 1;
      const failure = asHttpFailure(error, this.name, name, request.progress);
      this.#report(request, startedAtMs, failure, HttpFailure.is(failure) ? failure.status : undefined);
      throw failure;
    } finally {
      this.#running.answered(context);
      keyUse?.end(wasWritten(request.progress));
      if (isSource(request.body)) closeBody(request.body);
    }
  }

  #about({ name }: Operation): ExternalCall {
    const { host, port, protocol } = new URL(this.baseUrl);
    const peer = port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host;
    return { service: this.name, operation: name, peer };
  }

  #useKey({ operation, request, key }: PreparedCall): KeyUse | undefined {
    if (key === undefined || operation.key === undefined) return undefined;
    const use = this.#usedKeys.use(operation.name, key, fingerprintOf(request), operation.key.windowMs);
    if (use !== undefined) return use;
    const why =
      "the key was used for another request: give the same method, path, query and body, or another key";
    throw this.#rejection(operation.name, httpFailureCodes.keyReused, why);
  }

  snapshot(): HttpIntegrationSnapshot {
    return {
      name: this.name,
      ...this.#policies.snapshot(),
      pool: this.#transports.snapshot(),
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
    await this.#running.end(withinMs, this.#settings.clock);
    await this.#transports.destroy(closedError());
  }

  #prepareNamed(name: string, options: RequestOptions, answer: AnswerKind): PreparedCall {
    const operation = this.#catalogue.named(name);
    return this.#prepare(name, () => {
      if (operation !== undefined)
        return { operation, ...prepare(operation, options, this.#prepareSettings, answer) };
      throw new RangeError(`there is no such operation; ${this.#catalogue.names}`);
    });
  }

  /** @throws {@link HttpFailure} `REQUEST_INVALID` for what cannot be sent, `INTEGRATION_CLOSED` after `close`. */
  #prepare(name: string, make: () => PreparedCall): PreparedCall {
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

  /** What the requests of an operation go through, made at its first use where it is not declared. */
  #sendOf(operation: Operation): Send {
    let send = this.#sends.get(operation);
    if (send === undefined) {
      send = this.#policies.around(operation, this.#transports.send);
      this.#sends.set(operation, send);
    }
    return send;
  }

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
}

function wasWritten({ writtenBefore, current }: CallProgress): boolean {
  return writtenBefore || current?.written === true;
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

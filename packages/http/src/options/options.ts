import {
  assertKnownKeys,
  assertObject,
  type BreakerOptions,
  type Clock,
  type ConcurrencyLimitOptions,
  functionAt,
  integerIn,
  join,
  type Listener,
  nonEmptyString,
  oneOf,
  type Random,
  type RetryOptions,
  randomAt,
  show,
  systemClock,
  systemRandom,
} from "@outrigger/core";
import { type AnswerLists, answerListKeys, behindProxy } from "../classify/answer-contract.ts";
import {
  type ConnectOptions,
  type ConnectSettings,
  isForwarded,
  parseConnect,
} from "../connect/connect-options.ts";
import { newKey } from "../edge/new-key.ts";
import type { HttpEvent } from "../events.ts";
import {
  type KeyedIdempotency,
  type Operation,
  type OperationDefaults,
  type OperationOptions,
  parseOperation,
  parseRedirects,
} from "../operation.ts";
import { headerName, type RequestHeaders } from "../request/headers.ts";
import {
  type DeadlineHeader,
  deadlineFormats,
  headersAtSend,
  type TraceContext,
} from "../request/headers-at-send.ts";
import { type BaseUrl, parseBaseUrl } from "./base-url.ts";
import { httpDefaults } from "./defaults.ts";
import { type Allowed, assertAllowed } from "./destination.ts";
import { assertPlainObject } from "./plain-object.ts";
import { ownEvents, ownName, policyOptions } from "./policy-options.ts";
import { type PoolOptions, type PoolOptionsMs, parsePool } from "./pool-options.ts";
import { assertFollowed, parseRedirectTo } from "./redirect-to.ts";
import { type Size, sizeBytes } from "./size.ts";
import { parseTimeouts, type Timeouts, type TimeoutsMs } from "./timeouts.ts";
import { parseTls, type TlsOptions, withoutIdentity } from "./tls.ts";

/** One external service, described once. Everything but `name`, `baseUrl` and `operations` has a default. */
export interface HttpIntegrationOptions<Operations extends Record<string, OperationOptions>>
  extends ConnectOptions,
    AnswerLists {
  /** Stands in failures, events and snapshots. */
  readonly name: string;
  /** `https://` or `http://`, a host, perhaps a port and a path; no user, query or fragment. */
  readonly baseUrl: string;
  readonly timeout?: Timeouts | undefined;
  readonly pool?: PoolOptions | undefined;
  /** Calls at a time, over all operations; the next is rejected at once. `false` for no limit. @defaultValue 100 */
  readonly concurrency?: Omit<ConcurrencyLimitOptions, "name" | "onEvent"> | false | undefined;
  /** `false` for no retries. @defaultValue two retries, exponential from 200 ms, full jitter */
  readonly retry?: Omit<RetryOptions, "name" | "onEvent" | "random"> | false | undefined;
  /** One circuit over all operations but those that have one of their own. `false` for none. @defaultValue half of at least 20 calls in 10 s */
  readonly breaker?: Omit<BreakerOptions, "name" | "onEvent" | "clock"> | false | undefined;
  /** Sent with every request. */
  readonly headers?: RequestHeaders | undefined;
  /**
   * The provider honours a key on every POST and PATCH: what holds for an operation of these methods that says nothing
   * about `idempotency`, and for a request that fits no declared operation.
   */
  readonly idempotency?: KeyedIdempotency | undefined;
  /** The largest answer that is taken. Range: integer >= 0. @defaultValue 10 MiB */
  readonly maxResponseBytes?: number | undefined;
  /**
   * Ask for compressed answers (gzip, br, zstd), and decompress them. Their size is capped by `maxResponseBytes` on the
   * wire and decompressed.
   *
   * @defaultValue false
   */
  readonly decompress?: boolean | undefined;
  /** How much of a body that is a stream is kept, to send it again: `"0B"` for nothing. @defaultValue "64KiB" */
  readonly replay?: Size | undefined;
  /**
   * A header that tells the service how much time is left: `{ name: "x-request-timeout-ms", format: "milliseconds" }`.
   *
   * @defaultValue none
   */
  readonly deadlineHeader?: DeadlineHeader | undefined;
  /** Gives the `traceparent` and `tracestate` of each attempt, where a request brings none. @defaultValue none */
  readonly traceContext?: TraceContext | undefined;
  /**
   * Redirects that are followed, for GET and HEAD: to the same origin with everything, to those in `redirectTo` without
   * anything that could be a credential, to no other. Range: integer, 0 to 10. @defaultValue 0
   */
  readonly redirects?: number | undefined;
  /** Other origins that redirects may lead to: `["https://files.example.com"]`. @defaultValue none */
  readonly redirectTo?: readonly string[] | undefined;
  /** Which schemes and ports `baseUrl` and `redirectTo` may have, for descriptions that come out of a file. */
  readonly allowed?: Allowed | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly clock?: Clock | undefined;
  /** For the jitter of retries. */
  readonly random?: Random | undefined;
  /** Makes the idempotency key of a call that brings none. @defaultValue a random UUID */
  readonly newKey?: (() => string) | undefined;
  /** Hears everything that happens. What it throws is dropped. */
  readonly onEvent?: Listener<HttpEvent> | undefined;
  /** Left out where requests come by `exchange` alone. @defaultValue none */
  readonly operations?: Operations | undefined;
}

/** The options, read and checked. */
export interface Settings {
  readonly name: string;
  readonly baseUrl: BaseUrl;
  readonly timeout: TimeoutsMs;
  readonly pool: PoolOptionsMs;
  readonly concurrency: Omit<ConcurrencyLimitOptions, "name" | "onEvent"> | false;
  readonly retry: Omit<RetryOptions, "name" | "onEvent" | "random"> | false;
  readonly breaker: Omit<BreakerOptions, "name" | "onEvent" | "clock"> | false;
  readonly maxResponseBytes: number;
  readonly decompress: boolean;
  readonly replay: Size;
  readonly headersAtSend: ReturnType<typeof headersAtSend>;
  /** Of each origin that a redirect may lead to. */
  readonly redirectTo: ReadonlyMap<string, ConnectSettings>;
  readonly connect: ConnectSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly newKey: () => string;
  readonly onEvent: Listener<HttpEvent> | undefined;
  readonly operations: ReadonlyMap<string, Operation>;
  /** What an operation has that is not declared. */
  readonly operationDefaults: OperationDefaults;
}

const known: readonly (keyof HttpIntegrationOptions<Record<string, never>>)[] = [
  "name",
  "baseUrl",
  "timeout",
  "pool",
  "concurrency",
  "retry",
  "breaker",
  "headers",
  ...answerListKeys,
  "idempotency",
  "maxResponseBytes",
  "deadlineHeader",
  "traceContext",
  "redirects",
  "redirectTo",
  "allowed",
  "decompress",
  "replay",
  "tls",
  "public",
  "proxy",
  "dns",
  "clock",
  "random",
  "newKey",
  "onEvent",
  "operations",
];

/** @throws RangeError or TypeError that names the option, the value and the fix. */
export function parseOptions(options: HttpIntegrationOptions<Record<string, OperationOptions>>): Settings {
  assertPlainObject("the description", options, "a plain object", "{ name: …, baseUrl: …, operations: … }");
  assertKnownKeys("", options, known);
  const name = nonEmptyString("name", options.name);
  const baseUrl = parseBaseUrl("baseUrl", options.baseUrl);
  const timeout = parseTimeouts("timeout", options.timeout ?? {});
  const tls = parseTls("tls", options.tls ?? {});
  const pool = parsePool("pool", options.pool ?? {});
  if (pool.http2 && !baseUrl.origin.startsWith("https:")) {
    throw new RangeError("pool.http2 needs an https:// baseUrl: without TLS it is not offered");
  }
  const clock = checkedClock("clock", options.clock ?? systemClock);
  const maxResponseBytes = integerIn(
    "maxResponseBytes",
    options.maxResponseBytes ?? httpDefaults.maxResponseBytes,
    0,
  );
  const replay = options.replay ?? httpDefaults.replay;
  sizeBytes("replay", replay);
  assertAllowed("baseUrl", baseUrl, options.allowed);
  const connectTo = (path: string, origin: string, tlsOptions: TlsOptions): ConnectSettings =>
    parseConnect(options, {
      path,
      origin,
      tls: tlsOptions,
      connectMs: timeout.connectMs,
      clock,
      allowH2: pool.http2,
    });
  const connect = connectTo("baseUrl", baseUrl.origin, tls);
  const defaults: OperationDefaults = {
    headers: options.headers ?? {},
    timeout: options.timeout ?? {},
    answers: isForwarded(connect) ? behindProxy(options) : options,
    idempotency: options.idempotency,
    redirects: parseRedirects("", options.redirects, "GET", 0),
    breaker: options.breaker !== false,
  };
  const operations = parseOperations(options.operations, defaults);
  const redirectTo = parseRedirectTo("redirectTo", options, baseUrl, (path, origin) =>
    // What proves who we are is for the service alone.
    connectTo(path, origin, withoutIdentity(tls)),
  );
  assertFollowed(defaults.redirects, redirectTo, operations);
  if (Object.keys(tls).length > 0 && ![baseUrl.origin, ...redirectTo.keys()].some(isTls))
    throw new RangeError("tls needs an https:// baseUrl: without TLS it does nothing");
  return {
    name,
    baseUrl,
    timeout,
    pool,
    concurrency: policyOptions("concurrency", options.concurrency, httpDefaults.concurrency, {
      name: ownName,
      onEvent: ownEvents,
    }),
    retry: policyOptions(
      "retry",
      options.retry,
      {},
      {
        name: ownName,
        onEvent: ownEvents,
        random: "write random beside it, for the whole integration",
      },
    ),
    breaker: policyOptions(
      "breaker",
      options.breaker,
      {},
      {
        name: ownName,
        onEvent: ownEvents,
        clock: "write clock beside it, for the whole integration",
      },
    ),
    maxResponseBytes,
    decompress: booleanOption("decompress", options.decompress ?? httpDefaults.decompress),
    replay,
    headersAtSend: headersAtSend({
      integration: name,
      clock,
      deadlineHeader: parseDeadlineHeader("deadlineHeader", options.deadlineHeader),
      traceContext: optionalFunction("traceContext", options.traceContext),
    }),
    connect,
    redirectTo,
    clock,
    random: randomAt("random", options.random ?? systemRandom),
    newKey: optionalFunction("newKey", options.newKey) ?? newKey,
    onEvent: optionalFunction("onEvent", options.onEvent),
    operations,
    operationDefaults: defaults,
  };
}

function parseDeadlineHeader(path: string, header: DeadlineHeader | undefined): DeadlineHeader | undefined {
  if (header === undefined) return undefined;
  assertKnownKeys(path, header, ["name", "format"]);
  return {
    name: headerName(join(path, "name"), header.name),
    format: oneOf(join(path, "format"), header.format, deadlineFormats),
  };
}

function parseOperations(operations: unknown, defaults: OperationDefaults): ReadonlyMap<string, Operation> {
  if (operations === undefined) return new Map();
  assertObject("operations", operations);
  return new Map(
    Object.entries(operations).map(([name, each]) => [
      nonEmptyString(join("operations", name), name),
      parseOperation(name, each as OperationOptions, defaults),
    ]),
  );
}

function isTls(origin: string): boolean {
  return origin.startsWith("https:");
}

function booleanOption(path: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`${path} must be true or false; got ${show(value)}`);
}

function checkedClock(path: string, clock: Clock): Clock {
  const parts: unknown = clock;
  assertObject(path, parts);
  for (const part of ["now", "wallNow", "setTimer"]) functionAt(join(path, part), parts[part]);
  return clock;
}

function optionalFunction<F>(path: string, value: F | undefined): F | undefined {
  if (value !== undefined) functionAt(path, value);
  return value;
}

import { STATUS_CODES } from "node:http";
import { Readable } from "node:stream";
import { Failure } from "@outrigger/core";
import { assertDoors, type Door } from "./shared/door.ts";
import { type ClientRequest, exchangeFor } from "./shared/exchange.ts";

/** As smithy describes a request. */
export interface SmithyRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface SmithyResponse {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

export interface SmithyHandler {
  readonly metadata: { readonly handlerProtocol: string };
  handle(
    request: SmithyRequest,
    options?: { readonly abortSignal?: unknown; readonly requestTimeout?: number | undefined },
  ): Promise<{ response: SmithyResponse }>;
  destroy(): void;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

export interface SmithyOptions {
  readonly requestHandler: SmithyHandler;
  readonly maxAttempts: 1;
}

/**
 * Options for a client of the AWS SDK 3, or of another SDK built with smithy, by which it calls an integration.
 *
 * The SDK's own retries are off. A client that would retry, because `maxAttempts` was set again, is refused at its
 * first request, before anything is sent (`CLIENT_RETRIES`). The client's endpoint has to be at or below the
 * integration's base URL: give S3 `forcePathStyle: true`, because a bucket's own host name is another host.
 */
export function smithyOptions(...integrations: readonly [Door, ...Door[]]): SmithyOptions {
  assertDoors("smithyOptions", integrations);
  return {
    maxAttempts: 1,
    requestHandler: {
      metadata: { handlerProtocol: "http/1.1" },
      async handle(request, { abortSignal, requestTimeout } = {}) {
        if (requestTimeout !== undefined && requestTimeout > 0) {
          throw new TypeError("requestTimeout must not be given: write timeout in the integration");
        }
        // Of any make; one that cannot be listened to is refused with the request.
        const signal = (abortSignal ?? undefined) as AbortSignal | undefined;
        try {
          const answer = await exchangeFor(integrations, {
            method: request.method,
            url: urlOf(request),
            headers: Object.entries(request.headers),
            body: request.body as ClientRequest["body"],
            // An object may be stored compressed, and its checksum is that of what is stored.
            raw: true,
            ...(signal === undefined ? {} : { signal }),
          });
          const body = Readable.fromWeb(answer.body as WebStream);
          const reason = STATUS_CODES[answer.status] ?? "";
          return { response: { statusCode: answer.status, reason, headers: joined(answer.headers), body } };
        } catch (error) {
          throw Failure.is(error) && error.kind === "aborted" && signal?.aborted ? aborted(error) : error;
        }
      },
      // The integration may serve others; who made it closes it.
      destroy() {},
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    },
  };
}

type WebStream = Parameters<typeof Readable.fromWeb>[0];

/** The name is how users of the SDK know it. */
function aborted(cause: Failure): Error {
  return Object.assign(new Error("Request aborted", { cause }), { name: "AbortError" });
}

function urlOf({ protocol, hostname, port, path, query = {} }: SmithyRequest): string {
  // Sorted and escaped as the signature has them.
  const pairs = Object.keys(query)
    .sort()
    .flatMap((name) => {
      const value = query[name];
      if (value === null || value === undefined) return [escapeUri(name)];
      return [value].flat().map((each) => `${escapeUri(name)}=${escapeUri(each)}`);
    });
  const search = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search}`;
}

/** RFC 3986's unreserved characters alone stand as they are. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function joined(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of pairs) headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  return headers;
}

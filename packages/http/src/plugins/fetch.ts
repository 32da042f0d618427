import { STATUS_CODES } from "node:http";
import { Failure } from "@outrigger/core";
import { hasDotSegment } from "../request/path-template.ts";
import { keepFailureOf } from "./effect-of.ts";
import { assertDoors, type Door } from "./shared/door.ts";
import { type ClientAnswer, type ClientRequest, exchangeFor } from "./shared/exchange.ts";

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Statuses whose answers have no body by definition. `Response` refuses one. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A `fetch` that calls an integration: under its deadline, retries, breaker, limit and pool.
 *
 * As `fetch` does, it resolves with every answer, whatever its status, and rejects with the reason of an abort. Unlike
 * it:
 *
 * - It rejects with the {@link HttpFailure} itself where `fetch` has a `TypeError`, so that `error.effect` says whether
 *   the service may have acted. A `TypeError` is what wrappers of `fetch` repeat; from here it means a wrong argument.
 * - It follows no redirect: a 3xx answer comes as it is, and is an error with `redirect: "error"`.
 * - A path such as `"/v1/orders"` is put below the integration's base URL.
 *
 * @param integrations - The one, or several of which each URL takes the one whose base URL fits.
 */
export function fetchOf(...integrations: readonly [Door, ...Door[]]): Fetch {
  assertDoors("fetchOf", integrations);
  const [first] = integrations;
  return async (input, options) => {
    const init = options ?? {};
    const below = typeof input === "string" && /^\/(?!\/)/.test(input);
    // Without its signal: it would follow the caller's, which is listened to as it is.
    const given = below ? `${first.baseUrl}${input}` : input;
    const request = new Request(given, { ...init, signal: null });
    refuseWhatIsNotDone(request, init);
    const signal = init.signal ?? (isRequest(input) ? signalOf(input) : undefined);
    try {
      if (signal?.aborted) throw signal.reason;
      const answer = await exchangeFor(integrations, {
        method: request.method,
        url: typeof given === "string" && isMended(given) ? given : request.url,
        headers: [...request.headers],
        body: bodyOf(request, init),
        ...(signal === undefined ? {} : { signal }),
      });
      // A `Response` knows no status beyond 599.
      if (answer.status > 599 || (request.redirect === "error" && isRedirect(answer))) throw answer.failure;
      return responseOf(request, answer, signal);
    } catch (error) {
      throw asFetchRejects(error, signal);
    }
  };
}

/**
 * In Node 24 the signal of a `Request` follows its caller's only as long as the `Request` lives, and of a client's
 * `Request` nothing is left but its signal while the call runs. By the listener the one keeps the other.
 */
function signalOf(request: Request): AbortSignal {
  request.signal.addEventListener("abort", () => request, { once: true });
  return request.signal;
}

/**
 * Whether `URL` makes something else of it: it drops line breaks, resolves dots and turns backslashes, so that an id in a
 * path would lead to another resource. As it was written, such a URL is refused with all others that cannot be sent.
 */
function isMended(url: string): boolean {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  return /\p{Cc}/u.test(url) || path.includes("\\") || hasDotSegment(path);
}

/** What would otherwise be passed over in silence. */
function refuseWhatIsNotDone(request: Request, init: RequestInit): void {
  if ("dispatcher" in init && init.dispatcher !== undefined) {
    throw new TypeError("dispatcher must not be given: connections belong to the integration");
  }
  if (request.integrity !== "") throw new TypeError("integrity must not be given: it is not checked");
}

/**
 * What can be sent again is given as it is, however long; `Request` would make a stream of it, of which only the
 * beginning is kept for a retry.
 */
function bodyOf(request: Request, { body }: RequestInit): ClientRequest["body"] {
  if (typeof body === "string" || body instanceof URLSearchParams || body instanceof Blob) return body;
  if (body instanceof ArrayBuffer || body instanceof Uint8Array) return body;
  return request.body ?? undefined;
}

function responseOf(request: Request, answer: ClientAnswer, signal: AbortSignal | undefined): Response {
  const empty = request.method === "HEAD" || bodiless.has(answer.status);
  if (empty) void answer.body.cancel();
  const response = new Response(empty ? null : withReason(answer.body, signal), {
    status: answer.status,
    statusText: STATUS_CODES[answer.status] ?? "",
    headers: answer.headers.map(([name, value]) => [name, value]),
  });
  // One that is made by hand has none.
  return Object.defineProperty(response, "url", { value: request.url });
}

/** The body, ending as `fetch` has it when its caller aborts: with the reason that the caller gave. */
function withReason(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  if (signal === undefined) return body;
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(asFetchRejects(error, signal));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function asFetchRejects(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted !== true || !Failure.is(error) || error.kind !== "aborted") return error;
  return keepFailureOf(error, signal.reason);
}

function isRedirect({ status, headers }: ClientAnswer): boolean {
  return status >= 300 && status < 400 && headers.some(([name]) => name === "location");
}

/** By shape: a client may bring a class of its own. */
function isRequest(input: unknown): input is Request {
  return Object.prototype.toString.call(input) === "[object Request]";
}

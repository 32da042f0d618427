import type { CallContext } from "@outrigger/core";
import { HttpFailure } from "../failure.ts";
import { hasDotSegment } from "../request/path-template.ts";
import { single } from "../response.ts";
import type { PreparedRequest } from "../transport/request.ts";
import type { Send } from "./send.ts";

export interface RedirectSettings {
  readonly origin: string;
  /** What sends to another origin that may be followed to; undefined for one that may not. */
  sendTo(origin: string): Send | undefined;
}

const followed: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What another host may know of a request. Everything else may be a credential. */
const harmless: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "user-agent",
  "range",
]);

/**
 * Follows redirects of reads, as often as the request allows, within its attempt.
 *
 * To the integration's own origin with all headers; to an origin that is listed with none that could be a credential.
 * A redirect that may not be followed is the answer.
 */
export function followRedirects(send: Send, settings: RedirectSettings): Send {
  return (request, context) =>
    request.redirects === undefined || request.redirects === 0
      ? send(request, context)
      : follow({ request, origin: settings.origin, send }, request.redirects, settings, context);
}

interface Hop {
  readonly request: PreparedRequest;
  readonly origin: string;
  readonly send: Send;
}

async function follow(
  hop: Hop,
  left: number,
  settings: RedirectSettings,
  context: CallContext,
): ReturnType<Send> {
  try {
    return await hop.send(hop.request, context);
  } catch (error) {
    const next = left > 0 ? nextHop(error, hop, settings) : undefined;
    if (next === undefined || context.abortReason !== undefined) throw error;
    return await follow(next, left - 1, settings, context);
  }
}

function nextHop(error: unknown, hop: Hop, settings: RedirectSettings): Hop | undefined {
  if (!HttpFailure.is(error) || error.status === undefined || !followed.has(error.status)) return undefined;
  const location = single(error.response?.headers["location"]);
  const base = `${hop.origin}${hop.request.target}`;
  if (location === undefined || error.code !== `HTTP_${error.status}` || !URL.canParse(location, base))
    return undefined;
  const { origin, username, password, pathname, search } = new URL(location, base);
  // A line break in it would have been dropped, and dots resolved: it is not what the server wrote.
  if (username !== "" || password !== "" || !/^[\x21-\x7e]*$/.test(location) || hasDotSegment(pathname))
    return undefined;
  const target = `${pathname}${search}`;
  if (origin === hop.origin) return { ...hop, request: { ...hop.request, target } };
  const send = settings.sendTo(origin);
  if (send === undefined) return undefined;
  // Also on the way back: whoever was asked in between has chosen where this goes.
  return { request: { ...bare(hop.request), target }, origin, send };
}

function bare(request: PreparedRequest): PreparedRequest {
  const { headers } = request;
  const kept = headers.filter((_each, at) => harmless.has(headers[at - (at % 2)] ?? ""));
  return { ...request, headers: kept, headersAtSend: undefined };
}

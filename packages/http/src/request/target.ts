import type { BaseUrl } from "../options/base-url.ts";
import { kindOf } from "../options/plain-object.ts";
import { hasDotSegment } from "./path-template.ts";

export interface Target {
  /** Path and query, as sent. */
  readonly target: string;
  /** Encoded, below the base URL, without the query; starts with a slash. */
  readonly path: string;
}

/** Visible ASCII without a backslash, which `URL` takes for a slash. Everything else has to come encoded. */
const sendable = /^[\x21-\x5b\x5d-\x7e]*$/;
const scheme = /^[a-z][a-z0-9+.-]*:/i;

/**
 * Where a URL leads, if that is at or below `baseUrl`.
 *
 * `URL` mends what it is given (it drops line breaks and resolves dots), so that what is sent would not be what was
 * written; such a text is refused before it is read.
 *
 * @param url - Absolute, or a path and query that are put below `baseUrl`.
 * @throws RangeError or TypeError that never shows the URL, which may hold a secret.
 */
export function targetOf(baseUrl: BaseUrl, url: unknown): Target {
  if (typeof url !== "string" && !isUrl(url)) {
    throw new TypeError(`url must be a string or a URL; got ${kindOf(url)}`);
  }
  const text = typeof url === "string" ? url : url.href;
  if (!sendable.test(text)) {
    throw new RangeError("url must be visible ASCII: percent-encode what is not");
  }
  const hash = text.indexOf("#");
  const whole = hash === -1 ? text : text.slice(0, hash);
  const absolute = scheme.test(whole);
  const below = absolute ? afterOrigin(whole, baseUrl) : whole;
  // The base URL itself, without a slash behind it, is a resource as well.
  const isBase = absolute && (below === "" || below.startsWith("?"));
  if (!isBase && (!below.startsWith("/") || below.startsWith("//"))) {
    throw new RangeError('url must be absolute, or a path that starts with one "/"');
  }
  const query = below.indexOf("?");
  const path = (query === -1 ? below : below.slice(0, query)) || "/";
  if (hasDotSegment(path)) throw new RangeError('url must not hold "." or ".." segments');
  return { path, target: `${baseUrl.prefix}${below}` };
}

/** What follows `baseUrl` in an absolute URL. */
function afterOrigin(text: string, { origin, prefix }: BaseUrl): string {
  if (!URL.canParse(text)) throw new RangeError("url is not a URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw new RangeError("url must not hold a user name or password: send them in the headers");
  }
  if (url.origin !== origin)
    throw new RangeError(`url must lie below ${origin}${prefix}, and is of another origin`);
  // From the text and not from what URL made of it, which has resolved dots.
  const start = /^[a-z][a-z0-9+.-]*:\/\/[^/?]+/i.exec(text)?.[0];
  if (start === undefined) throw new RangeError('url must hold "//" and then its host');
  const rest = text.slice(start.length);
  const whole = rest.startsWith("/") ? rest : `/${rest}`;
  if (prefix === "") return whole;
  const below = whole.slice(prefix.length);
  const fits = whole.startsWith(prefix) && (below === "" || below.startsWith("/") || below.startsWith("?"));
  if (!fits) throw new RangeError(`url must lie below ${origin}${prefix}`);
  return below;
}

/** By shape: a test runner brings a class of its own. */
function isUrl(value: unknown): value is URL {
  return value instanceof URL || Object.prototype.toString.call(value) === "[object URL]";
}

import { hasDotSegment } from "../request/path-template.ts";

export interface BaseUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path in front of every operation's path, without a slash at its end; often empty. */
  readonly prefix: string;
}

/** Visible ASCII without a backslash: what `URL` would drop or turn into something else has to be written as it is meant. */
const asIs = /^[\x21-\x5b\x5d-\x7e]*$/;

/** @throws RangeError that names the option and the fix, and never shows a password. */
export function parseBaseUrl(path: string, value: unknown): BaseUrl {
  if (typeof value === "string" && !asIs.test(value))
    throw new RangeError(
      `${path} must be visible ASCII without a backslash: percent-encode its path, write its host in punycode`,
    );
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new RangeError(`${path} must be a URL that starts with https:// or http://`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new RangeError(`${path} must not hold a user name or password: send them in the headers option`);
  }
  if (url.search !== "" || url.hash !== "") {
    throw new RangeError(`${path} must not hold a query or a fragment: write queries with the query option`);
  }
  // As it is written: `URL` has resolved them.
  if (hasDotSegment(String(value).replace(/^\w+:\/*[^/]*/, "")))
    throw new RangeError(`${path} must not hold "." or ".." segments: write where they lead`);
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, "") };
}

export interface BaseUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path in front of every operation's path, without a slash at its end; often empty. */
  readonly prefix: string;
}

/** @throws RangeError that names the option and the fix, and never shows a password. */
export function parseBaseUrl(path: string, value: unknown): BaseUrl {
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
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, "") };
}

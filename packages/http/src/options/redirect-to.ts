import type { ConnectSettings } from "../connect/connect-options.ts";
import type { Operation } from "../operation.ts";
import { type BaseUrl, parseBaseUrl } from "./base-url.ts";
import { type Allowed, assertAllowed } from "./destination.ts";

interface RedirectTo {
  readonly redirectTo?: readonly string[] | undefined;
  readonly allowed?: Allowed | undefined;
}

/** @throws RangeError or TypeError that names the option and the fix. */
export function parseRedirectTo(
  path: string,
  { redirectTo = [], allowed }: RedirectTo,
  baseUrl: BaseUrl,
  connectTo: (path: string, origin: string) => ConnectSettings,
): ReadonlyMap<string, ConnectSettings> {
  if (!Array.isArray(redirectTo))
    throw new TypeError(`${path} must be an array of origins, such as ["https://files.example.com"]`);
  return new Map(
    redirectTo.map((each: unknown, at) => {
      const here = `${path}[${at}]`;
      const { origin, prefix } = parseBaseUrl(here, each);
      if (prefix !== "") throw new RangeError(`${here} must be an origin, without a path`);
      if (origin.startsWith("http:") && baseUrl.origin.startsWith("https:"))
        throw new RangeError(`${here} must start with https://, because baseUrl does`);
      assertAllowed(here, { origin }, allowed);
      return [origin, connectTo(here, origin)];
    }),
  );
}

/** @throws RangeError for redirects that would be believed to be followed, and that no operation follows. */
export function assertFollowed(
  redirects: number,
  redirectTo: ReadonlyMap<string, unknown>,
  operations: ReadonlyMap<string, Pick<Operation, "method" | "redirects">>,
): void {
  const reads = [...operations.values()].filter(({ method }) => method === "GET" || method === "HEAD");
  if (redirects > 0 && reads.length === 0)
    throw new RangeError(
      "redirects does nothing: no operation is a GET or HEAD, and exchange() follows none",
    );
  if (redirectTo.size > 0 && !reads.some((each) => each.redirects > 0))
    throw new RangeError("redirectTo does nothing: no operation follows redirects; set redirects as well");
}

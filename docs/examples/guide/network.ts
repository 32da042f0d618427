import { isIP, type LookupFunction } from "node:net";
import { type HttpIntegration, httpIntegration } from "@outrigger/http";

/** A service on the public internet that is reached directly. */
export function maps(baseUrl: string): HttpIntegration<"geocode"> {
  // #region public
  return httpIntegration({
    name: "maps",
    baseUrl,
    public: true, // no private, local or metadata address, whatever DNS says
    operations: { geocode: { method: "GET", path: "/v1/geocode" } },
  });
  // #endregion
}

/** A service that only the company's proxy reaches. */
export function payments(baseUrl: string): HttpIntegration<"inquire"> {
  // #region proxy
  return httpIntegration({
    name: "payments",
    baseUrl,
    proxy: "environment", // HTTPS_PROXY, HTTP_PROXY and NO_PROXY; or a URL; false by default
    operations: { inquire: { method: "GET", path: "/v1/payments/{id}" } },
  });
  // #endregion
}

/** A service that is found by a registry instead of DNS. */
export function orders(
  baseUrl: string,
  registry: { find(host: string): Promise<string[]> },
): HttpIntegration<"find"> {
  // #region lookup
  const lookup: LookupFunction = (host, _options, done) => {
    registry.find(host).then(
      (addresses) =>
        done(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        ),
      (error: Error) => done(error, []),
    );
  };
  return httpIntegration({
    name: "orders",
    baseUrl,
    dns: { lookup, follow: "30s" },
    operations: { find: { method: "GET", path: "/v1/orders/{id}" } },
  });
  // #endregion
}

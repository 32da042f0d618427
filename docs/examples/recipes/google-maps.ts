import { exponential, loadBudget } from "@outrigger/core";
import { type HttpIntegration, httpIntegration } from "@outrigger/http";

type GoogleMaps = HttpIntegration<"geocode">;

// #region describe
export function googleMaps(baseUrl = "https://maps.googleapis.com"): GoogleMaps {
  return httpIntegration({
    name: "google-maps",
    baseUrl,
    timeout: { connect: "3s", read: "5s", total: "8s" },
    retry: { maxRetries: 2, backoff: exponential("200ms"), budget: loadBudget({ name: "google-maps" }) },
    errorCode: "status", // in answers of status 200
    successCodes: ["OK", "ZERO_RESULTS"],
    notApplied: ["OVER_QUERY_LIMIT"],
    uncertain: ["UNKNOWN_ERROR"],
    refusals: ["REQUEST_DENIED", "INVALID_REQUEST", "OVER_DAILY_LIMIT"],
    operations: { geocode: { method: "GET", path: "/maps/api/geocode/json" } },
  });
}
// #endregion

// #region geocode
export interface Place {
  readonly lat: number;
  readonly lng: number;
}

/** Undefined: there is no such address. The key is in the query, which no failure and no event shows. */
export async function geocode(maps: GoogleMaps, key: string, address: string): Promise<Place | undefined> {
  const response = await maps.request("geocode", { query: { address, key } });
  const { results } = response.json<{ results: { geometry: { location: Place } }[] }>();
  return results[0]?.geometry.location;
}
// #endregion

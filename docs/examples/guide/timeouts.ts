import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

export function maps(baseUrl: string): HttpIntegration<"route" | "tile"> {
  // #region timeouts
  return httpIntegration({
    name: "maps",
    baseUrl,
    timeout: {
      connect: "500ms", // DNS, TCP and TLS together
      read: "100ms", // silence: until the answer begins, and between its parts
      attempt: "400ms", // one attempt, from its wait for a connection to the end of the answer
      total: "2s", // everything: attempts and the waits between them
    },
    deadlineHeader: { name: "x-timeout-ms", format: "milliseconds" }, // tells the service what is left
    operations: {
      route: { method: "POST", path: "/v1/routes", idempotency: "none" },
      tile: { method: "GET", path: "/v1/tiles/{id}", timeout: { read: "1s", attempt: "1500ms" } },
    },
  });
  // #endregion
}

/** What a service that is silent does to a caller. */
export async function silent(api: HttpIntegration<"route" | "tile">): Promise<unknown> {
  // #region silent
  try {
    return await api.request("route", { json: { from: "A", to: "B" } });
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    // READ_TIMEOUT, in stage "headers", with effect "unknown": it was written, and may have been acted on.
    return { code: error.code, stage: error.stage, effect: error.effect };
  }
  // #endregion
}

/** A budget that comes from outside. */
export async function within(api: HttpIntegration<"route" | "tile">, atMs: number): Promise<unknown> {
  // #region deadline
  // The nearer of this instant (on the integration's clock) and timeout.total ends the call.
  return await api.request("tile", { params: { id: 7 }, deadlineAtMs: atMs }).catch((error) => error.code);
  // #endregion
}

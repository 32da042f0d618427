import { type HttpEvent, type HttpIntegration, httpIntegration } from "@outrigger/http";

/** An order service that answers slowly, behind a small pool. */
export function orders(
  baseUrl: string,
  onEvent: (event: HttpEvent) => void = () => {},
): HttpIntegration<"find" | "export"> {
  // #region pool
  return httpIntegration({
    name: "orders",
    baseUrl,
    pool: {
      connections: 2, // no more than this at a time, whatever our own load
      acquire: "100ms", // then fail, with effect "none"
      maxWaiting: 3, // whoever comes after them would not be served in time: fail at once
      keepAlive: "4s", // if the server does not say; its Keep-Alive header goes first
      maxLifetime: "10m",
    },
    onEvent,
    operations: {
      find: { method: "GET", path: "/v1/orders/{id}" },
      export: { method: "GET", path: "/v1/orders/export", timeout: { total: "10m" } },
    },
  });
  // #endregion
}

/** What a full pool does to ten callers. */
export async function crowd(api: HttpIntegration<"find">): Promise<Record<string, number>> {
  // #region crowd
  const outcomes: Record<string, number> = {};
  const calls = Array.from({ length: 10 }, async (_, nth) => {
    const outcome = await api.request("find", { params: { id: nth } }).then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  });
  await Promise.all(calls);
  // #endregion
  return outcomes;
}

/** Reads an export line by line, without ever holding it whole. */
export async function countLines(api: HttpIntegration<"export">): Promise<number> {
  // #region stream
  const { body } = await api.stream("export");
  let lines = 0;
  for await (const chunk of body) {
    for (const byte of chunk) if (byte === 0x0a) lines += 1;
  }
  // #endregion
  return lines;
}

/** Where the time of each attempt went. */
export function timings(event: HttpEvent): string | undefined {
  // #region timings
  if (event.type !== "attemptFinished") return undefined;
  const { acquireMs, connectMs, tlsMs, headersMs, bodyMs, reused } = event;
  const from = reused ? "a used connection" : "a new connection";
  return `waited ${acquireMs}, connected ${connectMs} (TLS ${tlsMs}), answered ${headersMs}, read ${bodyMs}: on ${from}`;
  // #endregion
}

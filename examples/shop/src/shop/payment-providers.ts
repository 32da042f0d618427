import { exponential } from "@outrigger/core";
import { type HttpIntegration, httpIntegration } from "@outrigger/http";

/**
 * A payment provider, described once. Both providers speak the same API.
 *
 * The times are short so that a visitor sees within seconds what production shows within minutes; the package's
 * defaults are longer.
 */
export function paymentProvider(name: string, baseUrl: string): HttpIntegration {
  return httpIntegration({
    name: `provider-${name}`,
    baseUrl,
    timeout: { connect: "300ms", read: "800ms", total: "1800ms" },
    pool: { connections: 40, acquire: "500ms" },
    concurrency: { limit: 40 },
    retry: { maxRetries: 1, backoff: exponential("100ms") },
    breaker: { window: "5s", failureRatio: 0.5, minimumCalls: 20, openFor: "2s", probes: 3 },
    operations: {
      charge: {
        method: "POST",
        path: "/v1/charges",
        idempotency: { header: "Idempotency-Key", window: "1d" },
        // The provider's contract: a 402 is final, and a 503 is answered before anything is applied.
        refusals: [402, 410],
        notApplied: [503],
      },
      // Circuits of their own: failing charges must not keep us from asking what became of them.
      inquire: { method: "GET", path: "/v1/charges", breaker: "own" },
      cancel: {
        method: "POST",
        path: "/v1/cancels",
        idempotency: { header: "Idempotency-Key", window: "1d" },
        breaker: "own",
      },
    },
  });
}

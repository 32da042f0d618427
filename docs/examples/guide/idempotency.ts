import { HttpFailure, type HttpIntegration, httpIntegration } from "@outrigger/http";

export function payments(baseUrl: string): HttpIntegration<"charge" | "refund" | "find"> {
  // #region declare
  return httpIntegration({
    name: "payments",
    baseUrl,
    operations: {
      charge: {
        method: "POST",
        path: "/v1/charges",
        // From the provider's documentation: the header, and how long it remembers a key.
        idempotency: { header: "Idempotency-Key", window: "15d" },
      },
      refund: { method: "PUT", path: "/v1/charges/{id}/refund" }, // "natural": a PUT says what shall be
      find: { method: "GET", path: "/v1/charges/{id}" },
    },
  });
  // #endregion
}

interface Order {
  readonly id: string;
  readonly amount: number;
}

export async function charge(api: HttpIntegration<"charge">, order: Order): Promise<unknown> {
  // #region key
  // The same order has the same key, in this process and in the one that comes after a crash.
  const response = await api.request("charge", { json: { amount: order.amount }, key: `charge-${order.id}` });
  // #endregion
  return response.json();
}

export async function another(api: HttpIntegration<"charge">, order: Order): Promise<unknown> {
  // #region reused
  await api.request("charge", { json: { amount: 100 }, key: `charge-${order.id}` });
  try {
    await api.request("charge", { json: { amount: 999 }, key: `charge-${order.id}` });
  } catch (error) {
    // Nothing was sent.
    return HttpFailure.is(error) && [error.code, error.effect]; // ["IDEMPOTENCY_KEY_REUSED", "none"]
  }
  // #endregion
  return undefined;
}

/** A provider that honours a key on every POST. */
export function stripe(baseUrl: string): HttpIntegration {
  // #region everywhere
  return httpIntegration({
    name: "stripe",
    baseUrl,
    idempotency: { header: "Idempotency-Key", window: "1d" },
  });
  // #endregion
}

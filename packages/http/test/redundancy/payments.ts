import { loadBudget } from "@outrigger/core";
import { onTestFinished } from "vitest";
import type {
  HttpIntegration,
  RedundancyEvent,
  RedundantIntegration,
  RedundantRead,
  RedundantWrite,
} from "../../src/index.ts";
import {
  httpIntegration,
  innerBudget,
  type ProviderKeys,
  type RedundantIntegrationOptions,
  redundantIntegration,
  redundantRead,
  redundantWrite,
  type WriteThrough,
} from "../../src/index.ts";
import { JournalProvider } from "./journal-provider.ts";

export interface Order {
  readonly id: string;
}

export type Operations = {
  readonly charge: RedundantWrite<Order, string>;
  readonly quote: RedundantRead<string, number>;
};

export interface Lanes {
  readonly a: JournalProvider;
  readonly b: JournalProvider;
  readonly apis: readonly HttpIntegration[];
  readonly payments: RedundantIntegration<Operations>;
  readonly events: RedundancyEvent[];
}

type Settings = Partial<Omit<RedundantIntegrationOptions<Operations>, "operations">> & {
  readonly settles?: boolean;
  readonly hedge?: Parameters<typeof redundantRead>[0]["hedge"];
  readonly breaker?: Parameters<typeof httpIntegration>[0]["breaker"];
  readonly read?: `${number}ms`;
};

/** Two providers on real sockets behind one name. All of it is gone when the test ends. */
export async function twoProviders({
  settles = true,
  hedge,
  breaker,
  read = "100ms",
  ...own
}: Settings = {}): Promise<Lanes> {
  const [a, b] = [await JournalProvider.start(), await JournalProvider.start()];
  const budget = own.budget ?? loadBudget({ minPerSecond: 10_000 });
  const integrate = (name: string, provider: JournalProvider): HttpIntegration => {
    const api = httpIntegration({
      name,
      baseUrl: provider.url,
      timeout: { connect: "2s", read, total: "20s" },
      headers: { authorization: `Bearer secret-of-${name}`, cookie: `jar=of-${name}` },
      retry: { maxRetries: 1, budget: innerBudget(budget) },
      breaker: breaker ?? { minimumCalls: 1_000 },
      operations: {
        charge: {
          method: "POST",
          path: "/charges",
          idempotency: { header: "Idempotency-Key", window: "1d" },
          refusals: [402, 410],
          notApplied: [503],
        },
        cancel: { method: "POST", path: "/cancels", idempotency: "natural", breaker: "own" },
        quote: { method: "GET", path: "/quotes" },
      },
    });
    onTestFinished(() => api.close({ within: "0ms" }));
    return api;
  };
  const apis = [integrate("a", a), integrate("b", b)];
  const events: RedundancyEvent[] = [];
  const through: WriteThrough<Order, string> = {
    operation: "charge",
    request: ({ id }: Order, { key }: ProviderKeys) => ({ json: { orderId: id }, key }),
    answer: (response, { id }) => {
      const { orderId, key } = response.json<{ orderId: string; key: string }>();
      if (orderId !== id) throw new Error("an answer to another order");
      return key;
    },
    ...(settles
      ? {
          settle: async (order: Order, { key, request }) => {
            await request("cancel", { json: { key, orderId: order.id } });
            return { status: "cancelled" as const };
          },
        }
      : {}),
  };
  const [apiA, apiB] = apis as [HttpIntegration, HttpIntegration];
  const payments = redundantIntegration<Operations>({
    name: "payments",
    providers: { a: { integration: apiA }, b: { integration: apiB } },
    onEvent: (event) => events.push(event),
    ...own,
    budget,
    operations: {
      charge: redundantWrite({ providers: { a: through, b: through } }),
      quote: redundantRead({
        hedge,
        providers: Object.fromEntries(
          ["a", "b"].map((name) => [
            name,
            {
              operation: "quote",
              request: (pair: string) => ({ query: { pair } }),
              answer: (response: { json<T>(): T }) => response.json<{ rate: number }>().rate,
            },
          ]),
        ),
      }),
    },
  });
  return { a, b, apis, payments, events };
}

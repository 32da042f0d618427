import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { DatabaseKind } from "../src/database/shop-database.ts";
import type { ProviderHandle } from "../src/provider-handle.ts";
import { openOperations, type ShopStatus } from "../src/shop/status.ts";
import { type Stack, startStack } from "../src/stack.ts";
import { type OwnDatabase, ownDatabase } from "./database.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A shop with its providers and its database, for the tests of the describe in which it is made. */
export class RunningShop {
  #stack: Stack | undefined;
  #orders = 0;

  /** @param kind - Its database. */
  constructor(kind: DatabaseKind) {
    let database: OwnDatabase | undefined;
    beforeAll(async () => {
      database = await ownDatabase(kind);
      this.#stack = await startStack({ port: 0, database: database.wanted });
    }, 120_000);
    afterAll(async () => {
      await this.#stack?.stop();
      await database?.drop();
    });
    afterEach(async () => {
      for (const provider of this.stack.providers) await provider.setFault("healthy");
      await eventually(async () => expect(openOperations((await this.status()).ledger)).toBe(0));
    });
  }

  get stack(): Stack {
    if (this.#stack === undefined) throw new Error("the shop is not started yet");
    return this.#stack;
  }

  async post(path: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(this.stack.shopUrl + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Answer["body"],
    };
  }

  async status(): Promise<ShopStatus> {
    return (await (await fetch(`${this.stack.shopUrl}/status`)).json()) as ShopStatus;
  }

  newOrder(more: object = {}): { readonly orderId: string; readonly amount: number } {
    this.#orders += 1;
    return { orderId: `test-${this.#orders}`, amount: 15_000, ...more };
  }

  async orderStatus(orderId: string): Promise<unknown> {
    const response = await fetch(`${this.stack.shopUrl}/orders/${orderId}`);
    return ((await response.json()) as { status: unknown }).status;
  }

  /** Charges and cancels of an order, over both providers. */
  async moved(orderId: string): Promise<string[]> {
    const lines = await Promise.all(this.stack.providers.map((each) => each.journal()));
    return lines
      .flat()
      .filter((line) => line.orderId === orderId)
      .map((line) => `${line.kind} at ${line.provider}`);
  }

  provider(name: "a" | "b"): ProviderHandle {
    return this.stack.providers.find((each) => each.name === name) as ProviderHandle;
  }
}

/** Asks again until it holds. The bound is generous: it is how long a broken product takes to fail here. */
export async function eventually(assertion: () => Promise<void>, withinMs = 40_000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(100);
    }
  }
}

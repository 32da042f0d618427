import { expect, test } from "vitest";
import type { ComparedOperation } from "../store/operation-row.ts";
import type { Store } from "../store/store.ts";
import { ledgerRows } from "./ledger-rows.ts";

const createdAt = "2026-11-22T10:00:00.123456Z";
const day = { fromAtMs: Date.parse("2026-11-22T00:00:00Z"), toAtMs: Date.parse("2026-11-23T00:00:00Z") };
const options = {
  operation: "pay",
  provider: "default",
  keyScope: "operation" as const,
  amountOf: () => ({ amount: 1 }),
};

function operations(count: number): readonly ComparedOperation[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `019a0000-0000-7000-8000-${String(index).padStart(12, "0")}`,
    operation: "pay",
    key: `k${index}`,
    state: "DONE",
    provider: "default",
    providers: ["default"],
    request: "{}",
    result: undefined,
    createdAt,
  }));
}

/** A store of which only the pages are asked for. */
function paged(page: (limit: number, asked: number) => Promise<readonly ComparedOperation[]>) {
  let asked = 0;
  const store = {
    compared: (_after: string, limit: number) => {
      asked += 1;
      return page(limit, asked);
    },
  };
  return { store: store as unknown as Store<unknown>, asked: () => asked };
}

test("a page that fails while the one before it is looked at fails the reading when its turn comes", async () => {
  const { store } = paged(async (limit, asked) => {
    if (asked === 2) throw new Error("the database went away");
    return operations(limit);
  });
  const rows = ledgerRows(store, day, options);
  expect((await rows.next()).value?.[0]?.key).toBe("k0");
  // Long enough for a failure that nobody holds to be told of as one.
  await new Promise((resolve) => setImmediate(resolve));
  await expect(rows.next()).rejects.toThrow("the database went away");
});

test("a reader that goes waits for the page that is under way, and no other is asked for", async () => {
  let arrived = false;
  const { store, asked } = paged(async (limit, number) => {
    if (number === 2) {
      await new Promise((resolve) => setImmediate(resolve));
      arrived = true;
    }
    return operations(limit);
  });
  for await (const _ of ledgerRows(store, day, options)) break;
  expect({ arrived, asked: asked() }).toEqual({ arrived: true, asked: 2 });
});

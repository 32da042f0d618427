import type { ConsistentLevel, GuaranteeLevel, Operation, PgTx } from "@outrigger/ledger";
import { expect, expectTypeOf, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_guarantee_type");

interface Order {
  readonly id: string;
}
interface Charge {
  readonly charge: string;
}

/** Somebody's function that must not be given an operation whose money may stay unknown. */
function checkout(pay: Operation<Order, Charge, PgTx, ConsistentLevel>): string {
  return pay.guarantee.level;
}

const business = { prepare: async () => {}, commit: async () => {}, abandon: async () => {} };
const call = async (): Promise<Charge> => ({ charge: "ch_1" });

test("what an operation may promise is in its type, and who accepts less shows it", () => {
  const { ledger } = shop.node();
  const kept = ledger.operation<Order, Charge>("type.kept", {
    ...{ ...business, call, cancel: async () => {} },
    capabilities: { cancel: { blocksLateOriginal: true } },
  });
  expectTypeOf(kept.guarantee.level).toEqualTypeOf<ConsistentLevel>();
  expect(checkout(kept)).toBe("exactly-once-effect");

  const among = ledger.operation<Order, Charge>("type.among", {
    ...business,
    providers: {
      a: { call, cancel: async () => {}, capabilities: { cancel: { blocksLateOriginal: true } } },
    },
  });
  expectTypeOf(among.guarantee.level).toEqualTypeOf<ConsistentLevel>();

  const accepted = ledger.operation<Order, Charge>("type.accepted", { ...business, call, accept: "none" });
  expectTypeOf(accepted.guarantee.level).toEqualTypeOf<GuaranteeLevel>();
  expect(accepted.guarantee.level).toBe("none");
  // @ts-expect-error: it may end as unknown.
  checkout(accepted);
  // A function that takes any operation takes this one.
  const anybody: Operation<Order, Charge> = accepted;
  expect([kept as Operation<Order, Charge>, anybody]).toHaveLength(2);
});

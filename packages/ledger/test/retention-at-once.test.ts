import { expect, test } from "vitest";
import { statements } from "../src/store/postgres/statements.ts";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_retention_at_once");
const retention = { moveAfter: "0ms" } as const;
const input = (id: string) => ({ id, amount: 1 });

test("what one node is copying is left alone by another, which neither waits for it nor fails", async () => {
  const node = shop.node({ retention });
  for (const key of ["c1", "c2", "c3"]) await node.pay.run(input(key), { key });
  const copy = statements("outrigger").archiveCopy;
  if (typeof copy !== "string") throw new Error("a copy is one statement here");
  const { tx, rollback } = await shop.database.begin();
  try {
    await tx.query(copy, [null, 0, 2]);
    expect(await node.ledger.tidy()).toMatchObject({ copied: 1 });
  } finally {
    // That copy is lost with its node, so the next pass makes it.
    await rollback();
  }
  expect(await node.ledger.tidy()).toMatchObject({ copied: 2 });
});

import { createLedger, type Ledger } from "@outrigger/ledger";
import { fromPrisma } from "@outrigger/ledger/prisma";
import type {
  Prisma,
  PrismaClient,
} from "../../../../packages/ledger/test/drivers/prisma-client/generated/client.ts";
import type { Charge, Order, Pay, Payments } from "./shop.ts";

type Tx = Prisma.TransactionClient;

export function define(prisma: PrismaClient, payments: Payments): { ledger: Ledger<Tx>; pay: Pay<Tx> } {
  // #region ledger
  // prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) })
  const ledger = createLedger({ sql: fromPrisma(prisma) });

  const pay = ledger.operation<Order, Charge>("checkout.pay", {
    ...payments,
    prepare: (tx, order) => tx.order.create({ data: { id: order.id, status: "paying" } }),
    commit: (tx, order) => tx.order.update({ where: { id: order.id }, data: { status: "paid" } }),
    abandon: (tx, order) => tx.order.update({ where: { id: order.id }, data: { status: "void" } }),
  });
  // #endregion
  return { ledger, pay };
}

export async function order(
  prisma: PrismaClient,
  pay: Pay<Tx>,
  order: Order,
  alsoIn: (tx: Tx) => Promise<unknown>,
): Promise<void> {
  // #region enqueue
  await prisma.$transaction(async (tx) => {
    await pay.enqueue(order, { key: order.id, tx });
    await alsoIn(tx); // what else belongs to it
  });
  // #endregion
}

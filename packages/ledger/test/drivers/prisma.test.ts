import { fromPrisma } from "@outrigger/ledger/prisma";
import { PrismaPg } from "@prisma/adapter-pg";
import { describePort } from "./port-suite.ts";
import { type Prisma, PrismaClient } from "./prisma-client/generated/client.ts";

describePort<Prisma.TransactionClient>({
  name: "Prisma",
  listens: false,
  open(url) {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }) });
    return {
      port: fromPrisma(prisma),
      pool: prisma,
      run: (tx, text) => tx.$executeRawUnsafe(text),
      transaction: (work) => prisma.$transaction(work),
      close: () => prisma.$disconnect(),
    };
  },
});

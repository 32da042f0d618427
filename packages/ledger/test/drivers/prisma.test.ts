import { systemClock } from "@outrigger/core";
import { fromPrisma } from "@outrigger/ledger/prisma";
import { PrismaPg } from "@prisma/adapter-pg";
import { expect, test } from "vitest";
import { useMarks } from "./marks.ts";
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

const marks = useMarks("prisma_own");
const connect = () => new PrismaClient({ adapter: new PrismaPg({ connectionString: marks.url, max: 2 }) });

test("Prisma's own bounds are above the ledger's, which tells more of how a transaction ended", async () => {
  const prisma = connect();
  const given: { maxWait?: number; timeout?: number }[] = [];
  const port = fromPrisma<Prisma.TransactionClient>(
    new Proxy(prisma, {
      get: (client, name) =>
        name === "$transaction"
          ? (work: never, options: object) => {
              given.push(options);
              return client.$transaction(work, options);
            }
          : Reflect.get(client, name),
    }),
  );
  const work = (): Promise<string> => Promise.resolve("done");
  await port.transaction(work, { clock: systemClock, statementMs: 15_000, transactionMs: 45_000 });
  await port.transaction(work);
  expect(given[0]?.maxWait).toBeGreaterThan(15_000);
  expect(given[0]?.timeout).toBeGreaterThan(60_000);
  expect(given[1]).toMatchObject({ maxWait: 2 ** 31 - 1, timeout: 2 ** 31 - 1 });
  await prisma.$disconnect();
});

test("an extended client is one too", async () => {
  const prisma = connect();
  const extended = prisma.$extends({ client: { hello: () => "hello" } });
  const port = fromPrisma(extended);
  await port.transaction(async (tx) => {
    await tx.$executeRawUnsafe(`insert into marks (id) values ('${tx.hello()}')`);
  });
  expect(await marks.stored("hello")).toBe(true);
  await extended.$transaction(async (tx) => {
    await port.join(tx)("insert into marks (id) values ($1)", ["extended"]);
  });
  expect(await marks.stored("extended")).toBe(true);
  await prisma.$disconnect();
});

test("what is no client of Prisma's is refused", () => {
  expect(() => fromPrisma({} as never)).toThrow("fromPrisma needs your PrismaClient");
});

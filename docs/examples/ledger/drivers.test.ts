import { MikroORM } from "@mikro-orm/postgresql";
import { Failure } from "@outrigger/core";
import { createDatabase, databaseForTests } from "@outrigger/lab";
import type { Ledger } from "@outrigger/ledger";
import { PrismaPg } from "@prisma/adapter-pg";
import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import pg from "pg";
import postgres from "postgres";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PrismaClient } from "../../../packages/ledger/test/drivers/prisma-client/generated/client.ts";
import * as onDrizzle from "./drivers/drizzle.ts";
import * as onKnex from "./drivers/knex.ts";
import * as onKysely from "./drivers/kysely.ts";
import * as onMikroOrm from "./drivers/mikro-orm.ts";
import * as onPostgresJs from "./drivers/postgres-js.ts";
import * as onPrisma from "./drivers/prisma.ts";
import { type Order, ordersTable, type Pay, type Payments } from "./drivers/shop.ts";
import * as onTypeOrm from "./drivers/typeorm.ts";

/** A provider that says no to amounts of more than a hundred. */
function paymentsThat(charged: Set<string>): Payments {
  return {
    async call(order, { key }) {
      if (order.amount > 100) {
        throw new Failure("declined", { code: "DECLINED", effect: "none", kind: "refused" });
      }
      charged.add(key);
      return { chargeId: key };
    },
    inquire: async (_, { key }) =>
      charged.has(key) ? { status: "found", result: { chargeId: key } } : { status: "notFound" },
    cancel: async (_, { key }) => charged.delete(key),
    capabilities: {
      idempotencyKey: { window: "1d" },
      inquiry: {},
      cancel: { blocksLateOriginal: true },
    },
  };
}

/** What a page's example comes to, with its own types hidden. */
interface Example<Tx> {
  readonly made: { readonly ledger: Ledger<Tx>; readonly pay: Pay<Tx> };
  order(order: Order, alsoIn: (tx: Tx) => Promise<unknown>): Promise<void>;
  close(): Promise<unknown>;
}

function shows<Tx>(name: string, open: (url: string, payments: Payments) => Promise<Example<Tx>>): void {
  describe(`the page's example of ${name}`, () => {
    const charged = new Set<string>();
    let admin: pg.Pool;
    let example: Example<Tx>;
    let leave: () => Promise<void>;
    const status = async (id: string): Promise<unknown> =>
      (await admin.query("select status from orders where id = $1", [id])).rows[0]?.status;

    beforeAll(async () => {
      const server = await databaseForTests();
      const database = await createDatabase(server.url, "docs_drivers");
      admin = new pg.Pool({ connectionString: database.url, max: 1 });
      await admin.query(ordersTable);
      example = await open(database.url, paymentsThat(charged));
      await example.made.ledger.migrate();
      leave = async () => {
        await example.made.ledger.stop();
        await example.close();
        await admin.end();
        await database.drop();
        await server.stop();
      };
    });
    afterAll(() => leave());

    test("a payment is committed with its order, a refused one voids it, and a repeated one is the same", async () => {
      const { pay } = example.made;
      const outcome = await pay.run({ id: "o1", amount: 1 }, { key: "o1" });
      expect([outcome.status, await status("o1")]).toEqual(["committed", "paid"]);
      expect(await pay.run({ id: "o1", amount: 1 }, { key: "o1" })).toEqual(outcome);
      expect(await pay.run({ id: "o2", amount: 101 }, { key: "o2" })).toMatchObject({ status: "abandoned" });
      expect([await status("o2"), [...charged]]).toEqual(["void", ["o1"]]);
    });

    test("concurrent payments are all committed, on a pool of two", async () => {
      const ids = Array.from({ length: 12 }, (_, n) => `c${n}`);
      const outcomes = await Promise.all(
        ids.map((id) => example.made.pay.run({ id, amount: 1 }, { key: id })),
      );
      expect(outcomes.map((outcome) => outcome.status)).toEqual(ids.map(() => "committed"));
    });

    test("an order of the user's own transaction is paid after it, and not at all when it rolls back", async () => {
      const { ledger } = example.made;
      await expect(
        example.order({ id: "e1", amount: 1 }, () => Promise.reject(new Error("sold out"))),
      ).rejects.toThrow("sold out");
      expect(await ledger.find({ operation: "checkout.pay", key: "e1" })).toBeUndefined();
      await example.order({ id: "e2", amount: 1 }, () => Promise.resolve());
      expect(await status("e2")).toBe("paying");
      ledger.start();
      await expect.poll(() => status("e2"), { timeout: 20_000 }).toBe("paid");
      expect([await status("e1"), charged.has("e1")]).toEqual([undefined, false]);
      expect((await ledger.find({ operation: "checkout.pay", key: "e2" }))?.state).toBe("DONE");
    });
  });
}

shows("Kysely", async (url, payments) => {
  const db = onKysely.connect(url);
  const made = onKysely.define(db, payments);
  return { made, order: (...given) => onKysely.order(db, made.pay, ...given), close: () => db.destroy() };
});

test("the page's ledger on Kysely hears of other processes' work by the pool below it", async () => {
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "docs_wake_up");
  const db = onKysely.connect(database.url);
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const events: string[] = [];
  const ledger = onKysely.withWakeUp(db, pool, ({ type }) => events.push(type));
  await ledger.migrate();
  ledger.start();
  await expect.poll(() => events, { timeout: 20_000 }).toContain("listenerStarted");
  await ledger.stop();
  await Promise.all([db.destroy(), pool.end()]);
  await database.drop();
  await server.stop();
});

shows("postgres.js", async (url, payments) => {
  const sql = postgres(url, { max: 2 });
  const made = onPostgresJs.define(sql, payments);
  return { made, order: (...given) => onPostgresJs.order(sql, made.pay, ...given), close: () => sql.end() };
});

shows("Drizzle", async (url, payments) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const db = drizzle(pool);
  const made = onDrizzle.define(db, payments);
  return { made, order: (...given) => onDrizzle.order(db, made.pay, ...given), close: () => pool.end() };
});

shows("Knex", async (url, payments) => {
  const db = knex({ client: "pg", connection: url, pool: { min: 0, max: 2 } });
  const made = onKnex.define(db, payments);
  return { made, order: (...given) => onKnex.order(db, made.pay, ...given), close: () => db.destroy() };
});

shows("TypeORM", async (url, payments) => {
  const dataSource = new DataSource({
    type: "postgres",
    url,
    entities: [onTypeOrm.OrderRow],
    extra: { max: 2 },
  });
  await dataSource.initialize();
  const made = onTypeOrm.define(dataSource, payments);
  return {
    made,
    order: (...given) => onTypeOrm.order(dataSource, made.pay, ...given),
    close: () => dataSource.destroy(),
  };
});

shows("Prisma", async (url, payments) => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }) });
  const made = onPrisma.define(prisma, payments);
  return {
    made,
    order: (...given) => onPrisma.order(prisma, made.pay, ...given),
    close: () => prisma.$disconnect(),
  };
});

shows("MikroORM", async (url, payments) => {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [onMikroOrm.OrderRow],
    pool: { min: 0, max: 2 },
  });
  const made = onMikroOrm.define(orm, payments);
  return { made, order: (...given) => onMikroOrm.order(orm, made.pay, ...given), close: () => orm.close() };
});

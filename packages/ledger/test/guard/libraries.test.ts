import { sql as drizzleSql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import knexModule, { type Knex } from "knex";
import { Kysely, sql as kyselySql, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { DataSource, EntitySchema } from "typeorm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { useSurroundings } from "./support.ts";

const around = useSurroundings("guard_libraries");

/** What every library is asked for, in its own words. */
interface Library {
  /** The name that its transactions have in a report. */
  readonly of: string;
  transaction(work: () => Promise<unknown>): Promise<unknown>;
}

/** The same promises for each library. */
function keepsPromises(library: () => Library): void {
  test("a call in its transaction is reported, with the lines that made it and that began the transaction", async () => {
    const { of, transaction } = library();
    await transaction(() => around.call());
    expect(around.reported).toEqual([`http GET in ${of}`]);
    const [event] = around.events;
    if (event?.type !== "callInTransaction") throw new Error("not reported");
    expect(event.calledAt.join("\n")).toContain("libraries.test.ts");
    expect(event.transaction.begunAt.join("\n")).toContain("libraries.test.ts");
  });

  test("a call before, after and beside it is nobody's business", async () => {
    const { transaction } = library();
    await around.call();
    let inside = (): void => {};
    const isInside = new Promise<void>((resolve) => {
      inside = resolve;
    });
    let leave = (): void => {};
    const mayLeave = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const running = transaction(async () => {
      inside();
      await mayLeave;
    });
    const beside = isInside.then(async () => {
      await around.call();
      leave();
    });
    await isInside;
    await around.call();
    await Promise.all([running, beside]);
    await around.call();
    expect([around.arrived.length, around.reported]).toEqual([4, []]);
  });

  test("what it started may call once it is over", async () => {
    const { transaction } = library();
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    let later: Promise<unknown> = over;
    await transaction(async () => {
      later = over.then(() => around.call());
    });
    end();
    await later;
    expect([around.arrived.length, around.reported]).toEqual([1, []]);
  });

  test("a call after it has rolled back is nobody's business", async () => {
    const { transaction } = library();
    await expect(transaction(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await around.call();
    expect(around.reported).toEqual([]);
  });
}

describe("postgres.js", () => {
  let sql: postgres.Sql;
  beforeAll(() => {
    sql = postgres(around.url, { max: 2, onnotice: () => {} });
  });
  afterAll(() => sql.end());
  beforeEach(() => around.putUp().watchPostgres(sql));
  keepsPromises(() => ({
    of: "postgres.js",
    transaction: (work) =>
      sql.begin(async (tx) => {
        await tx`select 1`;
        await work();
      }),
  }));

  test("a released savepoint leaves the transaction open", async () => {
    await sql.begin("isolation level serializable", async (tx) => {
      await tx.savepoint((inner) => inner`select 1`);
      await around.call();
    });
    expect(around.reported).toEqual(["http GET in postgres.js"]);
  });

  test("statements that are returned unsent run as they do without the guard", async () => {
    const [[one], [two]] = await sql.begin((tx) => [tx`select 1 as n`, tx`select 2 as n`]);
    expect([one, two]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("a connection that it makes in a transaction is the database's own", async () => {
    const own = postgres(around.url, { max: 2, onnotice: () => {} });
    around.guard?.watchPostgres(own);
    await own.begin(async (tx) => {
      await tx`select 1`;
      await own`select 1`;
    });
    await own.end();
    expect(around.reported).toEqual([]);
  });
});

describe("Kysely", () => {
  let db: Kysely<unknown>;
  beforeAll(() => {
    const pool = new pg.Pool({ connectionString: around.url, max: 2 });
    db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  });
  afterAll(() => db.destroy());
  beforeEach(() => around.putUp().watchKysely(db));
  keepsPromises(() => ({
    of: "Kysely",
    transaction: (work) =>
      db
        .transaction()
        .setIsolationLevel("serializable")
        .execute(async (tx) => {
          await kyselySql`select 1`.execute(tx);
          await work();
        }),
  }));

  test("a transaction that the caller ends itself is open until then", async () => {
    const tx = await db.startTransaction().setIsolationLevel("read committed").execute();
    await around.call();
    await tx.commit().execute();
    await around.call();
    expect(around.reported).toEqual(["http GET in Kysely"]);
  });

  test("what is derived from a database is watched as well", async () => {
    await db
      .withSchema("public")
      .transaction()
      .execute(() => around.call());
    expect(around.reported).toEqual(["http GET in Kysely"]);
  });
});

describe("Kysely on a pool that is watched", () => {
  let pool: pg.Pool;
  let db: Kysely<unknown>;
  beforeAll(() => {
    pool = new pg.Pool({ connectionString: around.url, max: 2 });
    db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  });
  afterAll(() => db.destroy());
  beforeEach(() => around.putUp().watchPgPool(pool));
  keepsPromises(() => ({ of: "pg", transaction: (work) => db.transaction().execute(work) }));
});

describe("Drizzle", () => {
  let pool: pg.Pool;
  let db: ReturnType<typeof drizzle>;
  beforeAll(() => {
    pool = new pg.Pool({ connectionString: around.url, max: 2 });
    db = drizzle(pool);
  });
  afterAll(() => pool.end());
  beforeEach(() => around.putUp().watchDrizzle(db));
  keepsPromises(() => ({
    of: "Drizzle",
    transaction: (work) =>
      db.transaction(async (tx) => {
        await tx.execute(drizzleSql`select 1`);
        await work();
      }),
  }));

  test("a nested transaction that has ended leaves the outer one open", async () => {
    await db.transaction(async (tx) => {
      await tx.transaction(async (inner) => {
        await inner.execute(drizzleSql`select 1`);
      });
      await around.call();
    });
    expect(around.reported).toEqual(["http GET in Drizzle"]);
  });
});

describe("Knex", () => {
  let knex: Knex;
  beforeAll(() => {
    knex = knexModule({ client: "pg", connection: around.url, pool: { min: 0, max: 2 } });
  });
  afterAll(() => knex.destroy());
  beforeEach(() => around.putUp().watchKnex(knex));
  keepsPromises(() => ({
    of: "Knex",
    transaction: (work) =>
      knex.transaction(async (trx) => {
        await trx.raw("select 1");
        await work();
      }),
  }));

  test("a transaction that the caller ends itself is open until then", async () => {
    const trx = await knex.transaction({ isolationLevel: "serializable" });
    await trx.raw("select 1");
    await around.call();
    await trx.commit();
    await around.call();
    expect(around.reported).toEqual(["http GET in Knex"]);
  });

  test("a nested transaction that has ended leaves the outer one open", async () => {
    await knex.transaction(async (trx) => {
      await trx.transaction((inner) => inner.raw("select 1"));
      await around.call();
    });
    expect(around.reported).toEqual(["http GET in Knex"]);
  });
});

describe("TypeORM", () => {
  interface Order {
    id: string;
  }
  const Orders = new EntitySchema<Order>({
    name: "typeorm_order",
    columns: { id: { type: "text", primary: true } },
  });
  let dataSource: DataSource;
  beforeAll(async () => {
    dataSource = new DataSource({ type: "postgres", url: around.url, entities: [Orders], synchronize: true });
    await dataSource.initialize();
  });
  afterAll(() => dataSource.destroy());
  beforeEach(() => around.putUp().watchTypeOrm(dataSource));
  keepsPromises(() => ({
    of: "TypeORM",
    transaction: (work) =>
      dataSource.transaction("SERIALIZABLE", async (manager) => {
        await manager.query("select 1");
        await work();
      }),
  }));

  test("a transaction of a query runner is open until the caller ends it", async () => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await around.call();
    await runner.rollbackTransaction();
    await around.call();
    await runner.release();
    expect(around.reported).toEqual(["http GET in TypeORM"]);
  });

  test("a subscriber that calls while an entity is saved is in its transaction", async () => {
    dataSource.subscribers.push({ afterInsert: async () => void (await around.call()) });
    const saved = dataSource.getRepository(Orders).save({ id: "1" });
    const beside = around.call("/beside");
    await Promise.all([saved, beside]);
    dataSource.subscribers.length = 0;
    await around.call();
    expect(around.reported).toEqual(["http GET in TypeORM"]);
  });
});

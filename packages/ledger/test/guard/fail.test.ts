import { once } from "node:events";
import { get as httpGet } from "node:http";
import { connect as http2Connect } from "node:http2";
import { connect } from "node:net";
import { drizzle } from "drizzle-orm/node-postgres";
import knexModule from "knex";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { useSurroundings } from "./support.ts";

const around = useSurroundings("guard_fail");
const refused = { code: "CALL_IN_TRANSACTION", effect: "none", transient: false };
let pool: pg.Pool;
beforeAll(async () => {
  pool = new pg.Pool({ connectionString: around.url, max: 4 });
  await pool.query("create table orders (id text primary key)");
});
afterAll(() => pool.end());
beforeEach(async () => {
  await pool.query("truncate orders");
  around.putUp({ mode: "fail" }).watchPgPool(pool);
});

async function inTransaction(work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("insert into orders values ('1')");
    await work(client);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function orders(): Promise<number> {
  return (await pool.query("select from orders")).rowCount ?? 0;
}

test("the guard's fetch does not leave, and says why and where", async () => {
  const guarded = around.guard?.fetch(fetch) ?? fetch;
  const call = async (): Promise<unknown> =>
    await guarded(`${around.service}/charge?card=4242`, { method: "post" });
  await expect(inTransaction(call)).rejects.toMatchObject(refused);
  await expect(inTransaction(call)).rejects.toThrow(
    new RegExp(
      `^POST ${around.peer} was called at .*fail\\.test\\.ts.*in a transaction \\(pg\\), which was begun at .*fail\\.test\\.ts`,
    ),
  );
  await expect(inTransaction(call)).rejects.not.toThrow("4242");
  expect([around.arrived, await orders()]).toEqual([[], 0]);
  await guarded(new Request(`${around.service}/after`));
  expect(around.arrived).toEqual(["/after"]);
});

test("a request of node:http does not leave", async () => {
  const call = async (): Promise<void> => {
    const [response] = await once(httpGet(around.service), "response");
    response.resume();
    await once(response, "end");
  };
  await expect(inTransaction(call)).rejects.toMatchObject(refused);
  expect([around.arrived, await orders(), around.reported]).toEqual([[], 0, ["http GET in pg"]]);
  await call();
  expect(around.arrived).toEqual(["/"]);
});

test("a stream of node:http2 does not leave", async () => {
  const session = http2Connect(around.service);
  session.on("error", () => {});
  await expect(
    inTransaction(async () => {
      const stream = session.request({ ":path": "/secret" });
      await once(stream, "response");
    }),
  ).rejects.toMatchObject(refused);
  session.destroy();
  expect(around.reported).toEqual(["http2 GET in pg"]);
});

test("a new connection to what is no HTTP is ended before anything is written", async () => {
  await expect(
    inTransaction(async () => {
      const socket = connect(around.silentPort, "localhost");
      socket.write("MAIL FROM:<a@example.com>");
      await once(socket, "close");
    }),
  ).rejects.toMatchObject(refused);
  expect(around.events).toMatchObject([{ call: { kind: "socket", peer: `localhost:${around.silentPort}` } }]);
});

test("what nobody can stop, as a bare fetch, keeps its transaction from being committed", async () => {
  await expect(inTransaction(() => around.call("/bare"))).rejects.toMatchObject(refused);
  expect([around.arrived, await orders()]).toEqual([["/bare"], 0]);
});

test("a transaction that called says so at its next statement, by the callback where there is one", async () => {
  await inTransaction(async (client) => {
    await around.call();
    const error = await new Promise((resolve) => {
      client.query("select 1", (failure: Error) => resolve(failure));
    });
    expect(error).toMatchObject(refused);
    await client.query("rollback");
    await client.query("begin");
    await client.query("insert into orders values ('2')");
  });
  expect(await orders()).toBe(1);
});

test("each library rolls its transaction back when it called and nobody could stop it", async () => {
  const db = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: around.url }) }),
  });
  const drizzled = drizzle(around.url);
  const knex = knexModule({ client: "pg", connection: around.url });
  const sql = postgres(around.url, { max: 1 });
  const dataSource = await new DataSource({ type: "postgres", url: around.url }).initialize();
  const { guard } = around;
  guard?.watchKysely(db);
  guard?.watchDrizzle(drizzled);
  guard?.watchKnex(knex);
  guard?.watchPostgres(sql);
  guard?.watchTypeOrm(dataSource);
  const insert = "insert into orders values ('1')";
  const byItself = async (): Promise<unknown> => {
    const trx = await knex.transaction();
    await trx.raw(insert);
    await around.call();
    return await trx.commit();
  };
  const controlled = async (): Promise<unknown> => {
    const trx = await db.startTransaction().execute();
    try {
      await around.call();
      return await trx.commit().execute();
    } finally {
      await trx.rollback().execute();
    }
  };
  const transactions: Readonly<Record<string, () => Promise<unknown>>> = {
    kysely: () => db.transaction().execute(() => around.call()),
    controlled,
    drizzle: () => drizzled.transaction(async (tx) => [await tx.execute(insert), await around.call()]),
    knex: () => knex.transaction(async (tx) => [await tx.raw(insert), await around.call()]),
    byItself,
    postgres: () => sql.begin(async (tx) => [await tx.unsafe(insert), await around.call()]),
    typeorm: () => dataSource.transaction(async (tx) => [await tx.query(insert), await around.call()]),
  };
  try {
    for (const [name, transaction] of Object.entries(transactions)) {
      const error = await transaction().catch((failure: unknown) => failure);
      expect([name, error, await orders()]).toMatchObject([name, refused, 0]);
    }
  } finally {
    await Promise.all([
      db.destroy(),
      drizzled.$client.end(),
      knex.destroy(),
      sql.end(),
      dataSource.destroy(),
    ]);
  }
});

test("outside production a guard without a word fails, and in production it reports", () => {
  const { NODE_ENV } = process.env;
  const modes = ["production", "test", undefined].map((environment) => {
    around.guard?.stop();
    if (environment === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = environment;
    around.guard = undefined;
    return around.putUp({ mode: undefined } as never).snapshot().mode;
  });
  process.env["NODE_ENV"] = NODE_ENV;
  expect(modes).toEqual(["report", "fail", "fail"]);
});

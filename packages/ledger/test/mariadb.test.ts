import { systemClock } from "@outrigger/core";
import { createMariadbDatabase, mariadbForTests, mariadbMissing } from "@outrigger/lab";
import { createInbox, createLedger, fromMysql2Pool, type SqlPort, type SqlQuery } from "@outrigger/ledger";
import callbackMysql from "mysql2";
import mysql, { type Pool, type PoolConnection, type PoolOptions } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mariadb as mariadbDialect } from "../src/store/mariadb/dialect.ts";
import { connect, type MariadbShopDatabase, mariadb, orders } from "./support/databases/mariadb.ts";
import { type Order, type Payment, paymentsThrough } from "./support/payments.ts";
import { type AnyNode, quick, useAnyShop, useDatabase } from "./support/shop.ts";

const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);
else useDatabase(mariadb);

const input = (id: string): Order => ({ id, amount: 1 });

describe.skipIf(missing !== undefined)("on MariaDB", () => {
  const shop = useAnyShop("ledger_mariadb");
  const database = (): MariadbShopDatabase => shop.database as MariadbShopDatabase;
  const pools: Pool[] = [];
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));

  /** A ledger of its own on a pool as a user may have made it. */
  function ledgerOn(options: PoolOptions & { setUp?: string } = {}, schema = "outrigger") {
    const { setUp, ...rest } = options;
    const pool = mysql.createPool({ uri: shop.url, connectionLimit: 2, ...rest });
    pools.push(pool);
    if (setUp !== undefined) pool.pool.on("connection", (connection) => connection.query(setUp, () => {}));
    const ledger = createLedger({ sql: fromMysql2Pool(pool), schema, pollEvery: quick.pollEvery });
    const pay = ledger.operation<Order, Payment>("pay", {
      providers: { a: paymentsThrough(() => shop.a.url) },
      ...orders,
      unknown: quick.unknown,
    });
    return { pool, ledger, pay };
  }

  test("what is no open transaction is refused as tx, and nothing is stored", async () => {
    const { pay, ledger, pool } = ledgerOn();
    const connection = await pool.getConnection();
    const callbackPool = callbackMysql.createPool(shop.url);
    try {
      expect(() => fromMysql2Pool(callbackPool as never)).toThrow("give pool.promise()");
      for (const [tx, why] of [
        [pool, "a pool sends each statement on another connection"],
        [callbackPool, "a pool sends each statement on another connection"],
        [connection.connection, "give connection.promise()"],
        [connection, "must be in a transaction"],
        [{}, "must be the connection"],
      ] as const) {
        const running = pay.enqueue(input("j1"), { key: "j1", tx: tx as PoolConnection });
        await expect(running).rejects.toThrow(TypeError);
        await expect(running).rejects.toThrow(why);
      }
      await connection.beginTransaction();
      await pay.enqueue(input("j2"), { key: "j2", tx: connection });
      await connection.rollback();
      await connection.query("set autocommit = 0");
      await pay.enqueue(input("j3"), { key: "j3", tx: connection });
      await connection.query("rollback");
    } finally {
      connection.destroy();
      callbackPool.end();
    }
    for (const key of ["j1", "j2", "j3"])
      expect(await ledger.find({ operation: "pay", key })).toBeUndefined();
  });

  test("a key that was used meanwhile is found in a REPEATABLE READ transaction that cannot see it", async () => {
    const { pay, pool } = ledgerOn();
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await connection.query("select count(*) from outrigger_operation");
    const first = await pay.enqueue(input("rr"), { key: "rr" });
    expect(await pay.enqueue(input("rr"), { key: "rr", tx: connection })).toEqual(first);
    await connection.commit();
    connection.release();
  });

  test("a repeated enqueue keeps the operation's row until its transaction ends: readers see it, workers leave it", async () => {
    const { pay, ledger, pool } = ledgerOn();
    await pay.enqueue(input("kept"), { key: "kept" });
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await pay.enqueue(input("kept"), { key: "kept", tx: connection });
    const free = async (): Promise<number> =>
      (await database().query("select id from outrigger_operation where key = 'kept' for update skip locked"))
        .length;
    expect(await free()).toBe(0);
    ledger.start();
    await pay.run(input("other"), { key: "other" });
    expect((await ledger.find({ operation: "pay", key: "kept" }))?.state).toBe("READY");
    await connection.commit();
    connection.release();
    await expect.poll(() => shop.status("kept")).toBe("paid");
    await ledger.stop();
  });

  const strange: readonly (readonly [string, PoolOptions & { setUp?: string }])[] = [
    [
      "rows in other shapes",
      {
        typeCast: () => "cast",
        rowsAsArray: true,
        nestTables: "_",
        namedPlaceholders: true,
        jsonStrings: true,
      },
    ],
    ["dates as strings", { dateStrings: true, timezone: "+09:00", decimalNumbers: true }],
    ["big numbers as strings", { supportBigNumbers: true, bigNumberStrings: true, flags: ["-FOUND_ROWS"] }],
    ["several statements, and a format of its own", { multipleStatements: true, queryFormat: (sql) => sql }],
    [
      "ANSI quotes, no backslashes",
      { setUp: "set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'" },
    ],
    ["no strict mode", { setUp: "set sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,NO_AUTO_VALUE_ON_ZERO'" }],
    ["Oracle's mode", { setUp: "set sql_mode = 'ORACLE'" }],
    [
      "another time zone",
      { setUp: "set time_zone = '+09:00', session transaction isolation level serializable" },
    ],
  ];
  test.each(strange)("a pool with %s is as good as any other", async (name, options) => {
    const key = `s_${name.replaceAll(/\W/g, "")}`;
    const { pay, ledger } = ledgerOn(options);
    const note = "주문 \0 😀 ' \\ \" %_ ";
    shop.a.mode = { charge: "replyLost" };
    ledger.start();
    expect(await pay.run({ ...input(key), note } as Order, { key })).toMatchObject({ status: "pending" });
    await shop.settled(ledgerOnly(ledger));
    const record = await ledger.find({ operation: "pay", key }, { request: true });
    expect(record).toMatchObject({ state: "DONE", request: { note } });
    expect(record?.history.map(({ to }) => to)).toEqual(["SENDING", "UNKNOWN", "DONE"]);
    expect(Math.abs(Date.parse(record?.createdAt ?? "") - Date.now())).toBeLessThan(60_000);
    expect(await pay.run({ ...input(key), note } as Order, { key })).toMatchObject({ status: "committed" });
    expect(await shop.status(key)).toBe("paid");
    await ledger.stop();
  });

  test.each([
    ["set autocommit = 0", {}, /must commit each statement/],
    ["select 1", { charset: "latin1_swedish_ci" }, /must speak utf8mb4.*latin1/],
  ] as const)(
    "a session in which writes would be lost or changed is refused: %s %j",
    async (setUp, options, why) => {
      const { pay } = ledgerOn({ setUp, ...options });
      const running = pay.run(input("unfit"), { key: "unfit" });
      await expect(running).rejects.toMatchObject({ code: "SESSION_UNFIT", effect: "none" });
      await expect(running).rejects.toThrow(why);
    },
  );

  test.each([
    ["rollback"],
    ["commit"],
    ["rollback", "begin"],
    ["create table if not exists made_meanwhile (id int)"],
    ["savepoint mine", "rollback", "begin", "savepoint mine"],
  ])(
    "a prepare that ends the transaction (%s) is refused by name, and nothing is sent",
    async (...statements) => {
      const key = `e_${statements.join("").replaceAll(/\W/g, "")}`;
      const node = shop.node({
        definition: {
          async prepare(tx, order) {
            await orders.prepare(tx as PoolConnection, order);
            for (const each of statements) await (tx as PoolConnection).query(each);
          },
        },
      });
      const running = node.pay.run(input(key), { key });
      await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "unknown" });
      await expect(running).rejects.toThrow(/^prepare: /);
      expect(shop.a.requests).not.toContain(`/charge ${key}`);
      const stored = await node.ledger.find({ operation: "pay", key });
      expect(stored === undefined).toBe((await shop.status(key)) === undefined);
      if (stored !== undefined) await node.ledger.cancel(stored.id, { reason: "test", by: "test" });
    },
  );

  test("a savepoint of a function's own, and a statement that failed in it, are its own affair", async () => {
    const node = shop.node({
      definition: {
        async prepare(tx, order) {
          const own = tx as PoolConnection;
          await own.query("savepoint mine");
          await own.query("select no_such_column").catch(() => {});
          await own.query("rollback to savepoint mine");
          await orders.prepare(own, order);
        },
      },
    });
    expect(await node.pay.run(input("sp"), { key: "sp" })).toMatchObject({ status: "committed" });
  });

  test("a connection that somebody gave back in the middle of a transaction commits nothing of theirs", async () => {
    const { pay, pool } = ledgerOn({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await connection.query("insert into orders (id, status) values ('forgotten', 'pending')");
    connection.release();
    await pay.run(input("mid"), { key: "mid" }).catch(() => {});
    expect(await pay.run(input("mid"), { key: "mid" })).toMatchObject({ status: "committed" });
    expect(await shop.status("forgotten")).toBeUndefined();
  });

  test("a space at the end of a name or an id counts", async () => {
    const { pay, ledger } = ledgerOn();
    await pay.run(input("space"), { key: "space" });
    expect(await ledger.find({ operation: "pay ", key: "space" })).toBeUndefined();
    expect(await ledger.find({ operation: "päy", key: "space" })).toBeUndefined();
    expect(await ledger.find({ operation: "PAY", key: "space" })).toBeUndefined();
    const stored: string[] = [];
    const inbox = createInbox(ledger as never, {
      name: "spaces",
      verify: () => undefined,
      read: ({ body }) => ({ id: body.toString() }),
      apply: (_, event) => {
        stored.push(event.id);
      },
    });
    inbox.start();
    for (const id of ["e1", "e1 ", "E1", "e1"]) {
      await inbox.receive({ headers: {}, body: Buffer.from(id) } as never);
    }
    await expect.poll(() => [...stored].sort()).toEqual(["E1", "e1", "e1 "]);
    await inbox.stop();
  });

  describe("callers who wait for each other", () => {
    test("deadlocks in their own tables reach none of them", async () => {
      await database().pool.query("create table counters (id int primary key, n int not null)");
      await database().pool.query("insert into counters values (1, 0), (2, 0)");
      let deadlocks = 0;
      let runs = 0;
      const nodes = Array.from({ length: 4 }, () =>
        shop.node({
          definition: {
            async prepare(tx, order) {
              runs += 1;
              const own = tx as PoolConnection;
              const ids = runs % 2 === 0 ? [1, 2] : [2, 1];
              for (const id of ids) {
                await own
                  .execute("update counters set n = n + 1 where id = ?", [id])
                  .catch((error: { errno?: number }) => {
                    if (error.errno === 1213) deadlocks += 1;
                    throw error;
                  });
              }
              await orders.prepare(own, order);
            },
          },
        }),
      );
      const keys = Array.from({ length: 60 }, (_, index) => `dl${index}`);
      const outcomes = await Promise.all(
        keys.map((key, index) => nodes[index % 4]?.pay.run(input(key), { key })),
      );
      expect(outcomes.map((outcome) => outcome?.status)).toEqual(keys.map(() => "committed"));
      expect(deadlocks).toBeGreaterThan(0);
      const [row] = await shop.database.query("select n from counters where id = 1");
      expect(row?.["n"]).toBe(60);
    });

    test("one key that many call for while its first owner rolls back is charged once", async () => {
      for (const key of ["w1", "w2", "w3", "w4", "w5"]) {
        let first = true;
        const nodes = Array.from({ length: 5 }, () =>
          shop.node({
            definition: {
              async prepare(tx, order) {
                if (first) {
                  first = false;
                  await new Promise((resolve) => setTimeout(resolve, 30));
                  throw new RangeError("not this time");
                }
                await orders.prepare(tx as PoolConnection, order);
              },
            },
          }),
        );
        const outcomes = await Promise.allSettled(nodes.map(({ pay }) => pay.run(input(key), { key })));
        const refused = outcomes.filter(({ status }) => status === "rejected");
        expect(refused.map((each) => (each as PromiseRejectedResult).reason)).toEqual([
          expect.any(RangeError),
        ]);
        expect(shop.a.activeCharges(key)).toBe(1);
      }
    });
  });

  test("no statement of an operation's way reads the table whole", async () => {
    const schema = "many";
    const { ledger, pay, pool } = ledgerOn({ connectionLimit: 1 }, schema);
    await ledger.migrate();
    await pool.query(`insert into many_operation (id, operation, \`key\`, fingerprint, state, fence, due_at, provider,
        providers, request, created_at, updated_at)
      select uuid(), 'pay', concat('old', seq), 'f', 'DONE', 1, null, 'a', '["a"]', '{}', utc_timestamp(6), utc_timestamp(6)
      from seq_1_to_5000`);
    const read = async (): Promise<number> => {
      const [rows] = await pool.query("show session status like 'Handler_read_rnd_next'");
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    await pay.run(input("warm"), { key: "warm" });
    const before = await read();
    ledger.start();
    shop.a.mode = { charge: "replyLost" };
    const outcome = await pay.run(input("few"), { key: "few" });
    await shop.settled(ledgerOnly(ledger));
    await ledger.stop();
    expect(await ledger.find(outcome.id)).toMatchObject({ state: "DONE" });
    await ledger.list({ states: ["UNKNOWN"] });
    expect((await read()) - before).toBeLessThan(1_500);
  });

  test("an operation waits for nobody else's row, however small the table is", async () => {
    const node = shop.node({ schema: "small", statementTimeout: "3s" });
    await node.ledger.migrate();
    const { id } = await node.pay.run(input("held"), { key: "held" });
    const { tx, rollback } = await shop.database.begin();
    await shop.database.run(tx, `select id from small_operation where id = '${id}' for update`);
    node.ledger.start();
    shop.a.mode = { charge: "replyLost" };
    await node.pay.run(input("free"), { key: "free" });
    await shop.settled(node);
    expect(await shop.status("free")).toBe("paid");
    expect(node.events.filter(({ type }) => type === "databaseFailed")).toEqual([]);
    await rollback();
  });

  test.each([
    ["a lock that is not free in time", "select sleep(0) from orders where id = 'locked' for update"],
    ["a statement that is ended by the server", "kill query connection_id()"],
    ["a session that is ended by the server", "kill connection_id()"],
    ["a statement that takes too long", "set statement max_statement_time = 0.05 for select sleep(1)"],
  ])("%s in commit is no reason to cancel, wrapped or not", async (_, text) => {
    await database().pool.query("insert ignore into orders (id, status) values ('locked', 'pending')");
    for (const wrapped of [false, true]) {
      const key = `t_${text.length}_${wrapped}`;
      const holder = await shop.database.begin();
      await shop.database.run(holder.tx, "select id from orders where id = 'locked' for update");
      let tries = 0;
      const node = shop.node({
        definition: {
          async commit(tx, order, payment, info) {
            tries += 1;
            const own = tx as PoolConnection;
            if (tries === 1) {
              await own.query("set session innodb_lock_wait_timeout = 1");
              await own.query(text).catch((cause: unknown) => {
                throw wrapped ? new Error("could not pay the order", { cause }) : cause;
              });
            }
            await orders.commit(own, order, payment, info);
          },
        },
      });
      expect(await node.pay.run(input(key), { key })).toMatchObject({ status: "committed" });
      expect(tries).toBe(2);
      expect(shop.a.requests).not.toContain(`/cancel ${key}`);
      await holder.rollback();
    }
  });

  test("a connection whose statement was left without an answer is closed", async () => {
    const { pool } = ledgerOn({ connectionLimit: 1 });
    const sql = fromMysql2Pool(pool);
    const connectionId = async (): Promise<unknown> =>
      (await sql.query("select cast(connection_id() as char) as id"))[0]?.["id"];
    const before = await connectionId();
    const bounds = { clock: systemClock, statementMs: 100, transactionMs: 100 };
    await expect(sql.query("select sleep(2)", [], bounds)).rejects.toMatchObject({
      code: "STATEMENT_TIMEOUT",
      transient: true,
    });
    expect(await connectionId()).not.toBe(before);
  });

  test("a bound on the wait for locks is gone from the session afterwards", async () => {
    const { pool } = ledgerOn({ connectionLimit: 1, setUp: "set innodb_lock_wait_timeout = 37" });
    const sql = fromMysql2Pool(pool);
    const value = async (query: SqlQuery): Promise<unknown> =>
      (await query("select @@session.innodb_lock_wait_timeout + 0e0 as seconds"))[0]?.["seconds"];
    await sql.transaction(async (_, query) => {
      expect(await mariadbDialect.boundLockWait(query, 1_500, () => value(query))).toBe(2);
      await expect(
        mariadbDialect.boundLockWait(query, 100, async () => {
          throw new RangeError("not now");
        }),
      ).rejects.toThrow(RangeError);
    });
    expect(await value(sql.query)).toBe(37);
  });

  describe("migrations", () => {
    /** A port that says what it sends, and may stop there. */
    const watched = (
      sql: SqlPort<PoolConnection>,
      each: (text: string, query: SqlQuery) => Promise<void>,
    ) => ({
      ...sql,
      session: <T>(work: (query: SqlQuery) => Promise<T>) =>
        sql.session?.((query) =>
          work(async (text, values) => {
            await each(text, query);
            return await query(text, values);
          }),
        ) as Promise<T>,
    });

    test("many at once make the tables once", async () => {
      const nodes = Array.from({ length: 6 }, () => shop.node({ schema: "together" }));
      expect(await Promise.all(nodes.map(({ ledger }) => ledger.migrate()))).toEqual(
        nodes.map(() => shop.database.version),
      );
      expect(await shop.database.query("select count(*) as n from together_migration")).toEqual([
        { n: shop.database.version },
      ]);
    });

    test("one that dies at any statement is gone on with by the next", async () => {
      const { sql, close } = connect({ name: "dying", url: shop.url });
      let statements = 0;
      const count = watched(sql, async () => {
        statements += 1;
      });
      await createLedger({ sql: count, schema: "counted" }).migrate();
      expect(statements).toBeGreaterThan(10);
      for (let last = 1; last <= statements; last += 1) {
        const schema = `dies_at_${last}`;
        let sent = 0;
        const dying = watched(sql, async (_, query) => {
          sent += 1;
          if (sent === last) await query("kill connection_id()").catch(() => {});
        });
        // The last statements only let go of the lock, which the end of the session does too.
        await createLedger({ sql: dying, schema })
          .migrate()
          .catch(() => {});
        const node = shop.node({ schema });
        expect(await node.ledger.migrate()).toBe(shop.database.version);
        const key = `m${last}`;
        expect(await node.pay.run(input(key), { key })).toMatchObject({ status: "committed" });
        await node.close();
      }
      await close();
    });

    test("one that is not let in gives up in time", async () => {
      const holder = await database().pool.getConnection();
      await holder.query("select get_lock(concat('outrigger.', sha1(concat(database(), '.busy'))), 0)");
      const node = shop.node({ schema: "busy" });
      await expect(node.ledger.migrate({ timeout: "1s" })).rejects.toMatchObject({
        code: "MIGRATION_TIMEOUT",
      });
      await holder.query("do release_all_locks()");
      holder.release();
      expect(await node.ledger.migrate()).toBe(shop.database.version);
    });

    test.each([
      ["10.5.9-MariaDB", false],
      ["5.5.5-10.5.29-MariaDB-log", false],
      ["5.7.44-log", false],
      ["8.0.15", false],
      ["not a version", false],
      ["5.5.5-10.6.0-MariaDB", true],
      ["11.8.2-MariaDB-ubu2404", true],
      ["8.0.16", true],
      ["8.4.3", true],
      ["9.1.0-commercial", true],
    ])("a server that says it is %s is taken: %s", async (version, taken) => {
      const { sql, close } = connect({ name: "version", url: shop.url });
      const answering: SqlPort<PoolConnection> = {
        ...sql,
        session: (work) =>
          sql.session?.((query) =>
            work(async (text, values) =>
              text.includes("version() as version") ? [{ version }] : await query(text, values),
            ),
          ) as never,
      };
      const migrating = createLedger({ sql: answering, schema: "versions" }).migrate();
      if (taken) expect(await migrating).toBe(shop.database.version);
      else {
        await expect(migrating).rejects.toMatchObject({ code: "DATABASE_TOO_OLD", effect: "none" });
        await expect(migrating).rejects.toThrow("MariaDB 10.6.0 or MySQL 8.0.16");
      }
      await close();
    });

    test("a prefix that would make names too long is refused at construction", () => {
      const { sql } = connect({ name: "prefix", url: shop.url });
      expect(() => createLedger({ sql, schema: "x".repeat(41) })).toThrow(/ledger\.schema.*at most 40/);
    });

    test("a ledger without tables says so", async () => {
      const { pay } = ledgerOn({}, "nowhere");
      await expect(pay.run(input("n"), { key: "n" })).rejects.toMatchObject({ code: "NOT_MIGRATED" });
    });
  });
});

/** For what asks a node only for its ledger. */
const ledgerOnly = (ledger: unknown): AnyNode => ({ ledger }) as AnyNode;

describe.skipIf(missing !== undefined)("a database whose own character set is latin1", () => {
  let url: string;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const server = await mariadbForTests();
    const made = await createMariadbDatabase(server.url, "latin");
    url = made.url;
    const connection = await mysql.createConnection(url);
    await connection.query(`alter database ${made.name} character set latin1`);
    await connection.end();
    drop = async () => {
      await made.drop();
      await server.stop();
    };
  });
  afterAll(() => drop());

  test("keeps every text as it is", async () => {
    const pool = mysql.createPool({ uri: url });
    const ledger = createLedger({ sql: fromMysql2Pool(pool) });
    await ledger.migrate();
    const text = "주문 😀 \0 é";
    const say = ledger.operation<string, string>("say", {
      call: async () => text,
      inquire: async () => ({ status: "notFound" }),
      cancel: async () => {},
      capabilities: { idempotencyKey: { window: "1d" }, inquiry: {}, cancel: { blocksLateOriginal: true } },
      prepare: () => {},
      commit: () => {},
      abandon: () => {},
    });
    const outcome = await say.run(text, { key: "k" });
    expect(outcome).toMatchObject({ status: "committed", result: text });
    expect(await say.run(text, { key: "k" })).toMatchObject({ status: "committed", result: text });
    await pool.end();
  });
});

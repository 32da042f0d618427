import { systemClock } from "@outrigger/core";
import type { SqlBounds, SqlPort } from "@outrigger/ledger";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CommitProxy } from "../support/commit-proxy.ts";
import { useMarks } from "./marks.ts";

/** One library with a pool of its own, as a user has set it up. */
export interface Subject<Tx> {
  readonly port: SqlPort<Tx>;
  /** Statements without values, sent as the library's users send their own. */
  run(tx: Tx, text: string): PromiseLike<unknown>;
  /** A transaction that the user begins and ends. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** What people give by mistake where a transaction is meant. */
  readonly pool: unknown;
  close(): PromiseLike<unknown>;
}

export interface Library<Tx> {
  readonly name: string;
  /** With at most two connections. */
  open(url: string): Subject<Tx> | Promise<Subject<Tx>>;
  /** Whether it hears what other processes call out; where not, work is polled for. */
  readonly listens: boolean;
  /** Whether its transaction is looked at before its COMMIT is sent, instead of in the same message. */
  readonly checksFirst?: boolean;
  /** Whether a function's own statement ends the process, when it is sent after the connection was lost. */
  readonly diesOfLoss?: boolean;
}

/** How long a broken product takes to fail. */
const patiently = { timeout: 20_000 };
/** Long enough for a statement that is answered, on any machine; what runs longer must not be waited for. */
const boundMs = 1_500;
const bounds: SqlBounds = { clock: systemClock, statementMs: boundMs, transactionMs: boundMs };
/** What the tests that are about a bound wait for; nothing else happens within it. */
const short: SqlBounds = { clock: systemClock, statementMs: 400, transactionMs: 400 };

/** What every port keeps, whatever library it is made of: see the interface `SqlPort`. */
export function describePort<Tx>(library: Library<Tx>): void {
  const database = useMarks(`port_${library.name.replaceAll(/\W+/g, "_").toLowerCase()}`);
  const { stored } = database;
  let proxy: CommitProxy;
  let subject: Subject<Tx>;
  const opened = new Set<Subject<Tx>>();

  const open = async (url: string): Promise<Subject<Tx>> => {
    const made = await library.open(url);
    opened.add(made);
    return made;
  };
  const mark = (tx: Tx, id: string, of: Subject<Tx> = subject): PromiseLike<unknown> =>
    of.run(tx, `insert into marks (id) values ('${id}')`);
  const sessions = async (text: string): Promise<number> =>
    (
      await database.admin.query(
        "select 1 from pg_stat_activity where datname = current_database() and state = 'active' and query like $1 and pid <> pg_backend_pid()",
        [`%${text}%`],
      )
    ).rowCount ?? 0;

  beforeAll(async () => {
    await database.admin.query(`
      create table late (id text unique deferrable initially deferred);
      insert into late values ('taken')`);
    proxy = await new CommitProxy(database.url, endsTransaction).start();
    subject = await open(database.url);
  }, 60_000);
  afterEach(() => {
    proxy.silent = false;
  });
  afterAll(async () => {
    proxy.down = true;
    proxy.release();
    await Promise.all([...opened].map((each) => Promise.resolve(each.close()).catch(() => {})));
    await proxy.stop();
  }, 60_000);

  describe(`the end of a transaction, with ${library.name}`, () => {
    test("what it wrote stands when it is committed, and its value comes back", async () => {
      const value = await subject.port.transaction(async (tx, query) => {
        await mark(tx, "commit");
        return (await query("select count(*)::text as marks from marks where id = $1", ["commit"]))[0];
      }, bounds);
      expect(value).toEqual({ marks: "1" });
      expect(await stored("commit")).toBe(true);
    });

    test("it is READ COMMITTED, whatever the database's default is", async () => {
      const [row] = await subject.port.transaction(
        (_, query) => query("select current_setting('transaction_isolation') as level"),
        bounds,
      );
      expect(row).toEqual({ level: "read committed" });
    });

    test("an error of its function rolls it back, and comes through as it is", async () => {
      const error = Object.freeze({ sold: "out" });
      const running = subject.port.transaction(async (tx) => {
        await mark(tx, "thrown");
        throw error;
      }, bounds);
      await expect(running).rejects.toBe(error);
      expect(await stored("thrown")).toBe(false);
    });

    test("a failed statement of the ledger's own carries the database's code", async () => {
      await expect(subject.port.query("select * from nowhere")).rejects.toMatchObject({ code: "42P01" });
      await expect(
        subject.port.transaction((_, query) => query("select $1::integer / 0", [1]), bounds),
      ).rejects.toMatchObject({ code: "22012" });
      expect(await subject.port.query("select 1::text as one")).toEqual([{ one: "1" }]);
    });

    test("a failed statement that its function swallowed is told of", async () => {
      const running = subject.port.transaction(async (tx) => {
        await mark(tx, "swallowed");
        await Promise.resolve(subject.run(tx, "select 1 / 0")).catch(() => {});
      }, bounds);
      await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "none" });
      expect(await stored("swallowed")).toBe(false);
    });

    test.each([
      ["rollback", "none", false],
      ["commit", "unknown", true],
    ])("a function that ends it with %j is told so, and what became of it", async (text, effect, stands) => {
      const other = await open(database.url);
      const running = other.port.transaction(async (tx) => {
        await mark(tx, `own-${text}`, other);
        await other.run(tx, text);
      }, bounds);
      await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect });
      expect(await stored(`own-${text}`)).toBe(stands);
    });

    test("a function that begins another one in its place is told so", async () => {
      const other = await open(database.url);
      const running = other.port.transaction(async (tx) => {
        await mark(tx, "replaced", other);
        await other.run(tx, "rollback");
        await other.run(tx, "begin");
      }, bounds);
      // postgres.js itself refuses to begin one.
      const error = await running.catch((thrown: unknown) => thrown);
      const codes = [error, (error as Error).cause].map(
        (each) => (each as { code?: unknown } | undefined)?.code,
      );
      expect(
        ["TRANSACTION_ABORTED", "UNSAFE_TRANSACTION"].filter((code) => codes.includes(code)),
      ).toHaveLength(1);
      expect(await stored("replaced")).toBe(false);
    });

    test("a constraint that fails at COMMIT has rolled it back, and is not taken for a lost answer", async () => {
      const running = subject.port.transaction(async (tx) => {
        await mark(tx, "deferred");
        await subject.run(tx, "insert into late values ('taken')");
      }, bounds);
      await expect(running).rejects.toMatchObject({ code: "23505" });
      expect(subject.port.isTransient(await running.catch((error: unknown) => error))).toBe(false);
      expect(await stored("deferred")).toBe(false);
    });

    test("a failing statement that nobody waits for does not pass for a commit", async () => {
      const forgotten: Promise<unknown>[] = [];
      const running = subject.port.transaction(async (tx) => {
        await mark(tx, "forgotten");
        forgotten.push(Promise.resolve(subject.run(tx, "select 1 / 0")).catch(() => {}));
      }, bounds);
      const outcome = await running.then(
        () => "committed",
        () => "rolled back",
      );
      await Promise.all(forgotten);
      expect(outcome).toBe((await stored("forgotten")) ? "committed" : "rolled back");
    });

    test.each([
      ["swallowAnswer", true],
      ["neverArrives", false],
    ] as const)("a COMMIT whose answer is lost (%s) is unknown", async (fate, stands) => {
      const far = await open(proxy.url);
      await far.port.query("select 1 as one");
      const running = far.port.transaction(async (tx) => {
        await mark(tx, fate, far);
        proxy.next(fate);
      }, bounds);
      await expect(running).rejects.toMatchObject({ code: "COMMIT_UNKNOWN", effect: "unknown" });
      expect(far.port.isTransient(await running.catch((error: unknown) => error))).toBe(true);
      expect(proxy.allMet).toBe(true);
      await expect.poll(() => stored(fate), patiently).toBe(stands);
      expect(await far.port.query("select 1::text as one")).toEqual([{ one: "1" }]);
    });
  });

  describe(`a database in trouble, with ${library.name}`, () => {
    const killSessionOf = async (tx: Tx, of: Subject<Tx>, token: string): Promise<void> => {
      await of.run(tx, `select '${token}'`);
      const { rowCount } = await database.admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like $1 and pid <> pg_backend_pid()",
        [`%${token}%`],
      );
      expect(rowCount).toBe(1);
      await expect
        .poll(
          async () =>
            (
              await database.admin.query(
                "select 1 from pg_stat_activity where query like $1 and pid <> pg_backend_pid()",
                [`%${token}%`],
              )
            ).rowCount,
          patiently,
        )
        .toBe(0);
    };

    test("a session that is killed rolls its transaction back, with an error that may be tried again", async () => {
      const other = await open(database.url);
      const running = other.port.transaction(async (tx) => {
        await mark(tx, "killed", other);
        await killSessionOf(tx, other, "kill-me");
        if (library.diesOfLoss !== true) await mark(tx, "killed-2", other);
      }, bounds);
      const error = await running.catch((thrown: unknown) => thrown);
      expect(other.port.isTransient(error)).toBe(true);
      expect(await stored("killed")).toBe(false);
      expect(await other.port.query("select 1::text as one")).toEqual([{ one: "1" }]);
    });

    test("a function that hides the loss of its connection behind its own error does not decide by it", async () => {
      const other = await open(database.url);
      const running = other.port.transaction(async (tx, query) => {
        await mark(tx, "hidden", other);
        await killSessionOf(tx, other, "hide-me");
        const again = library.diesOfLoss === true ? query("select 1") : mark(tx, "hidden-2", other);
        await Promise.resolve(again).catch(() => {});
        throw new Error("no such order");
      }, bounds);
      const error = await running.catch((thrown: unknown) => thrown);
      expect(other.port.isTransient(error)).toBe(true);
      expect(await stored("hidden")).toBe(false);
    });

    test("a server that is not there is told of, and nothing took effect", async () => {
      const far = await open(proxy.url);
      proxy.down = true;
      const running = far.port.transaction(async (tx) => mark(tx, "away", far), bounds);
      await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
      const error = await far.port.query("select 1", [], bounds).catch((thrown: unknown) => thrown);
      expect(far.port.isTransient(error)).toBe(true);
      proxy.down = false;
      await expect
        .poll(() => far.port.query("select 1::text as one").catch(() => []), patiently)
        .toEqual([{ one: "1" }]);
    });

    test("a statement that takes too long is left, ended at the server, and its connection not used again", async () => {
      const other = await open(database.url);
      const running = other.port.transaction(async (tx) => {
        await mark(tx, "slow", other);
        await other.run(tx, "select pg_sleep(60)");
      }, short);
      await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
      await expect.poll(() => sessions("pg_sleep(60)"), patiently).toBe(0);
      expect(await stored("slow")).toBe(false);
      // Both connections of the pool, at once. postgres.js tells whoever has a connection next how it ended before.
      const both = async (): Promise<unknown> =>
        await Promise.all(
          [1, 2].map(() => other.port.transaction((_, query) => query("select 1 as one"), bounds)),
        ).then(({ length }) => length);
      await expect.poll(() => both().catch(() => 0), patiently).toBe(2);
    });

    test("a function that comes to its end after it was given up does not commit", async () => {
      const other = await open(database.url);
      const gate = Promise.withResolvers<void>();
      const running = other.port.transaction(async (tx) => {
        await mark(tx, "too-late", other);
        await gate.promise;
      }, short);
      await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
      gate.resolve();
      expect(await other.port.query("select 1::text as one")).toEqual([{ one: "1" }]);
      await expect
        .poll(
          async () =>
            (
              await database.admin.query(
                "select 1 from pg_stat_activity where datname = current_database() and backend_xid is not null",
              )
            ).rowCount,
          patiently,
        )
        .toBe(0);
      expect(await stored("too-late")).toBe(false);
    });

    test("a database that says nothing at all does not hold a caller", async () => {
      const far = await open(proxy.url);
      await far.port.query("select 1 as one");
      proxy.silent = true;
      const query = far.port.query("select 1", [], short).catch((thrown: unknown) => thrown);
      expect(far.port.isTransient(await query)).toBe(true);
      const running = far.port.transaction(async (tx) => mark(tx, "silent", far), short);
      await expect(running).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE", effect: "none" });
      proxy.silent = false;
      proxy.down = true;
      proxy.down = false;
      await expect
        .poll(() => far.port.query("select 1::text as one").catch(() => []), patiently)
        .toEqual([{ one: "1" }]);
    });

    test("a database that falls silent at the end leaves it unknown, unless COMMIT was not sent yet", async () => {
      const far = await open(proxy.url);
      const running = far.port.transaction(async (tx) => {
        await mark(tx, "silent-commit", far);
        proxy.silent = true;
      }, short);
      const sent = { code: "COMMIT_UNKNOWN", effect: "unknown" };
      const notSent = { code: "DATABASE_UNAVAILABLE", effect: "none" };
      await expect(running).rejects.toMatchObject(library.checksFirst === true ? notSent : sent);
      expect(await stored("silent-commit")).toBe(false);
    });
  });

  describe(`values and rows, with ${library.name}`, () => {
    test("text, numbers, lists, JSON and nothing at all arrive as they were given", async () => {
      const strange = `'"\\{},%_?$1:x::text -- /* 한국어 🙂`;
      const [row] = await subject.port.query(
        `select $1::text as text, $2::float8 as number, $3::bigint::text as big, $4::boolean::text as truth,
           to_json($5::text[])::text as list, $6::json::text as json, $7::text as nothing, $1::text = $1 as twice,
           '?' as mark, ('{"a":1}'::jsonb ? 'a')::text as has`,
        [strange, 0.1, 9_007_199_254_740_991, true, [strange, "", "null", "a,b"], '{"a":"?"}', null],
      );
      expect(row).toEqual({
        ...{ text: strange, number: 0.1, big: "9007199254740991", truth: "true" },
        ...{ list: JSON.stringify([strange, "", "null", "a,b"]), json: '{"a":"?"}', nothing: null },
        ...{ twice: true, mark: "?", has: "true" },
      });
    });

    test("JSON with lone surrogates and NUL in its texts is stored as it is", async () => {
      const json = JSON.stringify({ lone: "\ud800", zero: "\u0000", quote: "it's" });
      const rows = await subject.port.transaction(
        (_, query) => query("select $1::json::text as json, $2::text as text", [json, json]),
        bounds,
      );
      expect(rows).toEqual([{ json, text: json }]);
    });

    test("an empty list is one, and ids in a list are compared as ids", async () => {
      const id = "00000000-0000-7000-8000-000000000000";
      expect(
        await subject.port.query(
          "select ($1::uuid = any($2::uuid[]))::text as found, cardinality($3::text[])::text as none",
          [id, [id], []],
        ),
      ).toEqual([{ found: "true", none: "0" }]);
    });

    test("rows come back from every kind of statement, and by their own names", async () => {
      const texts = [
        "insert into marks (id) values ($1) returning id as some_id, 1::float8 as num_ber",
        "update marks set id = $1 where id = $1 returning id as some_id, 1::float8 as num_ber",
        "with gone as (delete from marks where id = $1 returning id) select id as some_id, 1::float8 as num_ber from gone",
      ];
      for (const text of texts) {
        const [row] = await subject.port.query(text, ["kinds"]);
        expect([row?.["some_id"], row?.["num_ber"]]).toEqual(["kinds", 1]);
      }
      expect(await subject.port.query("delete from marks where id = $1", ["kinds"])).toEqual([]);
      await subject.port.query("select pg_notify($1, '')", ["nobody"]);
    });

    test("many rows come back, and many go in", async () => {
      const list = Array.from({ length: 10_000 }, (_, n) => ({ id: `many-${n}` }));
      await subject.port.transaction(
        (_, query) =>
          query("insert into marks (id) select id from json_to_recordset($1::json) as m (id text)", [
            JSON.stringify(list),
          ]),
        bounds,
      );
      const rows = await subject.port.query("select id from marks where id like 'many-%' order by id");
      expect(rows).toHaveLength(10_000);
      expect(rows[0]).toEqual({ id: "many-0" });
    });
  });

  describe(`more than one at a time, with ${library.name}`, () => {
    test("two transactions have a connection each, and do not see each other", async () => {
      const first = Promise.withResolvers<void>();
      const second = Promise.withResolvers<void>();
      const one = subject.port.transaction(async (tx) => {
        await mark(tx, "one");
        first.resolve();
        await second.promise;
      }, bounds);
      const seen = await subject.port.transaction(async (_, query) => {
        await first.promise;
        const rows = await query("select id from marks where id = 'one'");
        second.resolve();
        return rows.length;
      }, bounds);
      await one;
      expect(seen).toBe(0);
      expect(await stored("one")).toBe(true);
    });

    test("a deadlock is told of as something that may be tried again", async () => {
      await database.admin.query("insert into marks values ('dead-1'), ('dead-2')");
      const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const crossing = (mine: number, theirs: number): Promise<unknown> =>
        subject.port.transaction(async (tx) => {
          await subject.run(tx, `select 1 from marks where id = 'dead-${mine}' for update`);
          met[mine - 1]?.resolve();
          await met[theirs - 1]?.promise;
          await subject.run(tx, `select 1 from marks where id = 'dead-${theirs}' for update`);
        });
      const outcomes = await Promise.allSettled([crossing(1, 2), crossing(2, 1)]);
      const lost = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(lost).toHaveLength(1);
      expect(subject.port.isTransient(lost[0]?.reason)).toBe(true);
    });
  });

  describe(`a transaction of the user's, with ${library.name}`, () => {
    test("statements that join it are committed with it", async () => {
      await subject.transaction(async (tx) => {
        await mark(tx, "mine");
        await subject.port.join(tx)("insert into marks (id) values ($1)", ["joined"]);
        expect(await stored("joined")).toBe(false);
      });
      expect(await stored("joined")).toBe(true);
    });

    test("statements that join it are rolled back with it", async () => {
      const running = subject.transaction(async (tx) => {
        await subject.port.join(tx)("insert into marks (id) values ($1)", ["joined-back"]);
        throw new Error("sold out");
      });
      await expect(running).rejects.toThrow("sold out");
      expect(await stored("joined-back")).toBe(false);
    });

    test("a pool is refused in its place, and so is anything else", async () => {
      for (const wrong of [subject.pool, {}, undefined, "tx"]) {
        expect(() => subject.port.join(wrong as Tx)).toThrow(TypeError);
      }
      expect(() => subject.port.join(subject.pool as Tx)).toThrow(/^tx must be /);
    });

    test("one that is over is refused, and nothing is written", async () => {
      const kept: Tx[] = [];
      await subject.transaction(async (tx) => {
        await mark(tx, "over");
        kept.push(tx);
      });
      const [over] = kept as [Tx];
      const joining = async (): Promise<unknown> =>
        await subject.port.join(over)("insert into marks (id) values ($1)", ["after"]);
      await expect(joining()).rejects.toThrow(TypeError);
      expect(await stored("after")).toBe(false);
    });

    test("one that has failed is refused by name", async () => {
      const running = subject.transaction(async (tx) => {
        await Promise.resolve(subject.run(tx, "select 1 / 0")).catch(() => {});
        await subject.port.join(tx)("select 1");
      });
      const error = await running.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "TRANSACTION_ABORTED", effect: "none" });
    });
  });

  test.runIf(library.listens)(
    `${library.name} hears what is called out, until it is told to stop`,
    async () => {
      let heard = 0;
      const stop = await subject.port.listen?.(
        "a_channel",
        () => {
          heard += 1;
        },
        () => {},
      );
      await database.admin.query("select pg_notify('another_channel', '')");
      const before = heard;
      await subject.port.query("select pg_notify($1, '')", ["a_channel"]);
      await expect.poll(() => heard, patiently).toBe(before + 1);
      await stop?.();
      const after = heard;
      await database.admin.query("select pg_notify('a_channel', '')");
      await subject.port.query("select 1");
      expect(heard).toBe(after);
    },
  );

  test.runIf(!library.listens)(
    `${library.name} gives no connection to listen on, so work is polled for`,
    () => {
      expect(subject.port.listen).toBeUndefined();
    },
  );
}

/** A simple query that ends the transaction; libraries write it in their own ways. */
function endsTransaction(chunk: Buffer): boolean {
  return chunk[0] === 0x51 && /\bcommit(; begin)?;?\0$/i.test(chunk.toString("latin1"));
}

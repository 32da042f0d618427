import { type EntityManager, EntitySchema, MikroORM } from "@mikro-orm/postgresql";
import { fromMikroOrm } from "@outrigger/ledger/mikro-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

const Mark = new EntitySchema<{ id: string }>({
  name: "Mark",
  tableName: "marks",
  properties: { id: { type: "text", primary: true } },
});

describePort<EntityManager>({
  name: "MikroORM",
  listens: true,
  checksFirst: true,
  async open(url) {
    const orm = await MikroORM.init({
      clientUrl: url,
      entities: [Mark],
      pool: { min: 0, max: 2 },
      logger: () => {},
    });
    return {
      port: fromMikroOrm(orm),
      pool: orm.em,
      run: (tx, text) => tx.execute(text),
      transaction: (work) => orm.em.fork().transactional(work),
      close: () => close(orm),
    };
  },
});

/** Not waited for: with Kysely 0.29.6 inside it waits for connections that broke in a transaction. */
async function close(closed: MikroORM): Promise<void> {
  closed.close(true).catch(() => {});
}

const marks = useMarks("mikro_orm_own");
let orm: MikroORM;
/** What the subscriber does before each COMMIT. */
let beforeCommit: ((em: EntityManager) => Promise<unknown>) | undefined;
beforeAll(async () => {
  orm = await MikroORM.init({
    clientUrl: marks.url,
    entities: [Mark],
    pool: { min: 0, max: 2 },
    logger: () => {},
    subscribers: [
      { beforeTransactionCommit: async ({ em }) => void (await beforeCommit?.(em as EntityManager)) },
    ],
  });
});
afterAll(() => close(orm));

test("what is persisted is written with the transaction, or not at all", async () => {
  const port = fromMikroOrm(orm);
  const persist = (...ids: readonly string[]) =>
    port.transaction(async (em) => {
      for (const id of ids) em.persist(em.create(Mark, { id }));
    });
  await persist("persisted");
  expect(await marks.stored("persisted")).toBe(true);
  await expect(persist("beside", "persisted")).rejects.toMatchObject({ code: "23505" });
  expect(await marks.stored("beside")).toBe(false);
});

test("a connection that is lost while it is flushed has not committed, and that is known", async () => {
  await marks.admin.query(`
    create function die() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
    create trigger deadly before insert on marks for each row when (new.id = 'flushed') execute function die()`);
  const port = fromMikroOrm(orm);
  const running = port.transaction(async (em) => {
    em.persist(em.create(Mark, { id: "flushed" }));
  });
  const error = (await running.catch((thrown: unknown) => thrown)) as { code?: string };
  expect([port.isTransient(error), error.code]).toEqual([true, "57P01"]);
  expect(await marks.stored("flushed")).toBe(false);
});

test("what a subscriber writes before COMMIT belongs to the transaction, and its error rolls it back", async () => {
  const port = fromMikroOrm(orm);
  const write = (id: string) =>
    port.transaction((em) => em.execute("insert into marks (id) values (?)", [id]));
  beforeCommit = (em) => em.execute("insert into marks (id) values ('by-subscriber')");
  await write("written");
  expect([await marks.stored("written"), await marks.stored("by-subscriber")]).toEqual([true, true]);
  const error = new Error("not on Sundays");
  beforeCommit = () => Promise.reject(error);
  await expect(write("refused")).rejects.toBe(error);
  expect(await marks.stored("refused")).toBe(false);
  beforeCommit = undefined;
});

test("a transaction that em.begin() began is joined, and refused once it is over", async () => {
  const { join } = fromMikroOrm(orm);
  const em = orm.em.fork();
  await em.begin();
  await join(em)("insert into marks (id) values ($1)", ["begun"]);
  expect(await marks.stored("begun")).toBe(false);
  await em.commit();
  expect(await marks.stored("begun")).toBe(true);
  expect(() => join(em)).toThrow(TypeError);
});

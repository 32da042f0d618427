import { fromTypeOrm } from "@outrigger/ledger/typeorm";
import { DataSource, type EntityManager, type EntitySubscriberInterface, EventSubscriber } from "typeorm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

describePort<EntityManager>({
  name: "TypeORM",
  listens: true,
  checksFirst: true,
  async open(url) {
    const dataSource = new DataSource({
      type: "postgres",
      url,
      extra: { max: 2 },
      poolErrorHandler: () => {},
    });
    await dataSource.initialize();
    return {
      port: fromTypeOrm(dataSource),
      pool: dataSource.manager,
      run: (tx, text) => tx.query(text),
      transaction: (work) => dataSource.transaction(work),
      close: () => dataSource.destroy(),
    };
  },
});

const marks = useMarks("typeorm_own");
let dataSource: DataSource;
/** What the subscriber does before each COMMIT. */
let beforeCommit: ((manager: EntityManager) => Promise<unknown>) | undefined;
class Subscriber implements EntitySubscriberInterface {
  async beforeTransactionCommit({ manager }: { manager: EntityManager }): Promise<void> {
    await beforeCommit?.(manager);
  }
}
EventSubscriber()(Subscriber);
beforeAll(async () => {
  dataSource = new DataSource({
    type: "postgres",
    url: marks.url,
    subscribers: [Subscriber],
    extra: { max: 2 },
  });
  await dataSource.initialize();
});
afterAll(() => dataSource.destroy());

test("what a subscriber writes before COMMIT belongs to the transaction, and its error rolls it back", async () => {
  const port = fromTypeOrm(dataSource);
  const write = (id: string) =>
    port.transaction((manager) => manager.query("insert into marks (id) values ($1)", [id]));
  beforeCommit = (manager) => manager.query("insert into marks (id) values ('by-subscriber')");
  await write("written");
  expect([await marks.stored("written"), await marks.stored("by-subscriber")]).toEqual([true, true]);
  const error = new Error("not on Sundays");
  beforeCommit = () => Promise.reject(error);
  await expect(write("refused")).rejects.toBe(error);
  expect(await marks.stored("refused")).toBe(false);
  // Its failed statement leaves a failed transaction behind, whose COMMIT is answered without an error.
  beforeCommit = (manager) => manager.query("select 1 / 0").catch(() => {});
  await expect(write("swallowed")).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "none" });
  expect(await marks.stored("swallowed")).toBe(false);
  beforeCommit = undefined;
});

test("a query runner's own transaction is joined, and refused once it is over", async () => {
  const { join } = fromTypeOrm(dataSource);
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await join(runner.manager)("insert into marks (id) values ($1)", ["runner"]);
  expect(await marks.stored("runner")).toBe(false);
  await runner.commitTransaction();
  expect(await marks.stored("runner")).toBe(true);
  expect(() => join(runner.manager)).toThrow(TypeError);
  await runner.release();
});

test("a function that commits by its query runner is told so, and what became of it", async () => {
  const running = fromTypeOrm(dataSource).transaction(async (manager) => {
    await manager.query("insert into marks (id) values ('committed-by-hand')");
    await manager.queryRunner?.commitTransaction();
  });
  await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect: "unknown" });
  expect(await marks.stored("committed-by-hand")).toBe(true);
});

test("a DataSource that is not initialised, or for another database, is refused", async () => {
  const port = fromTypeOrm(new DataSource({ type: "postgres", url: marks.url }));
  await expect(port.query("select 1")).rejects.toThrow("await dataSource.initialize()");
  await expect(port.transaction(() => Promise.resolve())).rejects.toThrow("await dataSource.initialize()");
  expect(() => fromTypeOrm(new DataSource({ type: "mysql" }))).toThrow('got "mysql"');
});

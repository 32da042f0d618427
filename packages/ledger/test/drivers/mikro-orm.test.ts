import { type EntityManager, EntitySchema, MikroORM } from "@mikro-orm/postgresql";
import { fromMikroOrm } from "@outrigger/ledger/mikro-orm";
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
      // Not waited for: with Kysely 0.29.6 inside it waits for connections that broke in a transaction.
      close: async () => void orm.close(true).catch(() => {}),
    };
  },
});

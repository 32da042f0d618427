import { fromTypeOrm } from "@outrigger/ledger/typeorm";
import { DataSource, type EntityManager } from "typeorm";
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

import type { Judge } from "../judge.ts";
import { databasePeers } from "../peer.ts";
import { capturePlace } from "../place.ts";
import { clockOfGuard, contained, enter, TrackedTransaction } from "../transaction-scope.ts";
import { assertMethods, replaceMethod } from "./replace.ts";

type Method = (...args: unknown[]) => unknown;

/** A data source of TypeORM, by shape. */
export interface WatchedDataSource {
  createQueryRunner(...args: never[]): unknown;
  readonly manager: object;
  readonly options: object;
}

interface QueryRunner {
  readonly isTransactionActive: boolean;
}

/** TypeORM begins every transaction on a query runner: `transaction()`, `save()` with its subscribers, and the user's. */
export function watchTypeOrm(judge: Judge, dataSource: WatchedDataSource): () => void {
  assertMethods("dataSource", dataSource, ["createQueryRunner", "transaction"], "a DataSource of TypeORM");
  const { type, url, host, port } = dataSource.options as Readonly<Record<string, unknown>>;
  const defaultPort = type === "mysql" || type === "mariadb" ? 3306 : 5432;
  judge.addDatabase(databasePeers({ connectionString: url, host, port }, defaultPort));
  const undo = [
    replaceMethod<Method>(dataSource, "createQueryRunner", (original) => (...args) => {
      const runner = original.apply(dataSource, args) as QueryRunner;
      watchRunner(runner);
      return runner;
    }),
    // It begins before its first await, so whoever calls it would seem to be in the transaction as well.
    replaceMethod<Method>(
      dataSource.manager,
      "transaction",
      (original) =>
        function (this: unknown, ...args) {
          return contained(() => original.apply(this, args));
        },
    ),
  ];
  return () => {
    for (const each of undo) each();
  };
}

function watchRunner(runner: QueryRunner): void {
  let transaction: TrackedTransaction | undefined;
  replaceMethod<Method>(runner, "startTransaction", (start) => {
    const watched: Method = (...args) => {
      const clock = clockOfGuard();
      // A second one inside of the first is a savepoint.
      if (clock !== undefined && !runner.isTransactionActive) {
        transaction?.end();
        const isOpen = (): boolean => runner.isTransactionActive;
        transaction = new TrackedTransaction("TypeORM", capturePlace(watched), clock.now(), isOpen);
        enter(transaction);
      }
      return start.apply(runner, args);
    };
    return watched;
  });
  replaceMethod<Method>(runner, "commitTransaction", (commit) => async () => {
    if (transaction?.spoiled !== undefined) throw transaction.spoiled;
    return await commit.call(runner);
  });
}

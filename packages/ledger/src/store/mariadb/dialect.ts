import { property } from "../../drivers/shared/causes.ts";
import type { Dialect } from "../dialect.ts";
import { barrierStatements } from "./barrier.ts";
import { inboxStatements } from "./inbox.ts";
import { assertPrefix, latestVersion, migrate, withSetting } from "./migrations.ts";
import { outboxStatements } from "./outbox.ts";
import { reconciliationStatements } from "./reconciliation.ts";
import { sagaStatements } from "./saga.ts";
import { statements } from "./statements.ts";

/** No such table, or column. Source: MariaDB's and MySQL's error references. */
const notThere: ReadonlySet<unknown> = new Set([1146, 1054]);

/** MariaDB, and MySQL. */
export const mariadb: Dialect = {
  statements(schema) {
    assertPrefix(schema);
    return statements(schema);
  },
  inbox: inboxStatements,
  reconciliation: reconciliationStatements,
  saga: sagaStatements,
  outbox: outboxStatements,
  barrier: barrierStatements,
  boundLockWait: (query, ms, work) =>
    withSetting(query, "innodb_lock_wait_timeout", Math.max(1, Math.ceil(ms / 1_000)), work),
  isNotMigrated: (error) => notThere.has(property(error, "errno")),
  list: (values) => [...values],
  latestVersion,
  migrate,
};

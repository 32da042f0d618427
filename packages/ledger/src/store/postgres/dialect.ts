import type { Dialect } from "../dialect.ts";
import { barrierStatements } from "./barrier.ts";
import { inboxStatements } from "./inbox.ts";
import { latestVersion, migrate } from "./migrations.ts";
import { outboxStatements } from "./outbox.ts";
import { reconciliationStatements } from "./reconciliation.ts";
import { sagaStatements } from "./saga.ts";
import { statements } from "./statements.ts";

/** No such table, schema, column or function. Source: PostgreSQL manual, appendix A. */
const notThere: ReadonlySet<unknown> = new Set(["42P01", "3F000", "42703", "42883"]);

export const postgres: Dialect = {
  statements,
  inbox: inboxStatements,
  reconciliation: reconciliationStatements,
  saga: sagaStatements,
  outbox: outboxStatements,
  barrier: barrierStatements,
  async boundLockWait(query, ms, work) {
    await query("select set_config('lock_timeout', $1, true)", [`${Math.ceil(ms)}ms`]);
    return await work();
  },
  isNotMigrated: (error) =>
    typeof error === "object" && error !== null && notThere.has(Reflect.get(error, "code")),
  list: (values) => [...values],
  latestVersion,
  migrate,
};

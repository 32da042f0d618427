import type { Dialect } from "../dialect.ts";
import { barrierStatements } from "./barrier.ts";
import { inboxStatements } from "./inbox.ts";
import { latestVersion, migrate } from "./migrations.ts";
import { outboxStatements } from "./outbox.ts";
import { reconciliationStatements } from "./reconciliation.ts";
import { sagaStatements } from "./saga.ts";
import { statements } from "./statements.ts";

/**
 * `schema` is what the names of the ledger's tables begin with: `outrigger_operation`. A file of its own, attached under
 * that name, would not do: a commit over two files is not atomic in WAL mode.
 */
export const sqlite: Dialect = {
  statements,
  inbox: inboxStatements,
  reconciliation: reconciliationStatements,
  saga: sagaStatements,
  outbox: outboxStatements,
  barrier: barrierStatements,
  // Whoever has begun a transaction for writing has the only lock that there is.
  boundLockWait: (_query, _ms, work) => work(),
  isNotMigrated: (error) => error instanceof Error && /^no such (table|column|index): /.test(error.message),
  list: (values) => JSON.stringify(values),
  latestVersion,
  migrate,
};

import type { Dialect } from "../dialect.ts";
import { latestVersion, migrate } from "./migrations.ts";
import { statements } from "./statements.ts";

/** No such table, schema or column. Source: PostgreSQL manual, appendix A. */
const notThere: ReadonlySet<unknown> = new Set(["42P01", "3F000", "42703"]);

export const postgres: Dialect = {
  statements,
  async boundLockWait(query, ms) {
    await query("select set_config('lock_timeout', $1, true)", [`${Math.ceil(ms)}ms`]);
  },
  isNotMigrated: (error) =>
    typeof error === "object" && error !== null && notThere.has(Reflect.get(error, "code")),
  list: (values) => [...values],
  latestVersion,
  migrate,
};

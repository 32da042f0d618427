import type { Dialect } from "./dialect.ts";
import { mariadb } from "./mariadb/dialect.ts";
import { postgres } from "./postgres/dialect.ts";
import type { SqlPort } from "./sql-port.ts";
import { sqlite } from "./sqlite/dialect.ts";

/** By the name that a port says of itself. */
export const dialects: Readonly<Record<SqlPort<unknown>["dialect"], Dialect>> = { postgres, sqlite, mariadb };

export type { FetchLike } from "./clients.ts";
export type { CallInTransaction, GuardEvent, ReportsDropped } from "./events.ts";
export { type Guard, type GuardSnapshot, guardTransactions } from "./guard.ts";
export type { WatchedDrizzle, WatchedPostgres } from "./libraries/callback-libraries.ts";
export type { WatchedKnex } from "./libraries/knex.ts";
export type { WatchedKysely } from "./libraries/kysely.ts";
export type { WatchedPgClient, WatchedPgPool } from "./libraries/pg.ts";
export type { WatchedDataSource } from "./libraries/typeorm.ts";
export { type GuardOptions, guardDefaults, type OutboundCall } from "./options.ts";

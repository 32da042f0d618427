export { pick, seededRandom, shuffled } from "./chance/seeded-random.ts";
export { type ExitWithParentOptions, exitWithParent, sayReady } from "./child/exit-with-parent.ts";
export type { Exit } from "./child/spawn-child.ts";
export { type Child, type ChildOptions, startChild } from "./child/start-child.ts";
export { createMariadbDatabase, mariadbForTests } from "./mariadb/databases.ts";
export { mariadbMissing } from "./mariadb/find-mariadb.ts";
export { type Mariadb, type MariadbOptions, startMariadb } from "./mariadb/start-mariadb.ts";
export { freePort } from "./net/free-port.ts";
export { createDatabase, type Database, databaseForTests } from "./postgres/databases.ts";
export {
  type DatabaseServer,
  type Postgres,
  type PostgresOptions,
  startPostgres,
} from "./postgres/start-postgres.ts";
export type { Charge, ChargeRequest, JournalLine } from "./provider/books.ts";
export { type FaultKind, type FaultReport, type FaultSetting, faultKinds } from "./provider/faults.ts";
export { type Provider, type ProviderOptions, startProvider } from "./provider/start-provider.ts";
export {
  answers,
  fails,
  type HangOptions,
  hangs,
  type OutcomeOptions,
  returns,
  type ScriptedOutcome,
  throws,
} from "./script/outcomes.ts";
export { type RecordedEvents, recordEvents } from "./script/record-events.ts";
export { type ScriptedAttempt, type ScriptedCall, scripted } from "./script/scripted.ts";
export { VirtualClock } from "./time/virtual-clock.ts";

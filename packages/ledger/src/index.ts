export type { LedgerEvent } from "./events.ts";
export { ledgerFailureCodes } from "./failure.ts";
export { createLedger, type Ledger, type LedgerSnapshot, type Which } from "./ledger.ts";
export {
  type AbandonedFailure,
  type CallInfo,
  type Capabilities,
  type CommittedItem,
  type Inquiry,
  type ManyProvidersDefinition,
  type ManyWrites,
  type OperationDefinition,
  type ProviderDefinition,
  type SingleProviderDefinition,
  type UnknownPolicy,
  unknownDefaults,
} from "./operation/definition.ts";
export type { Guarantee, GuaranteeLevel } from "./operation/guarantee.ts";
export type {
  EnqueueOptions,
  Observed,
  ObserveOptions,
  Operation,
  Outcome,
  RunOptions,
} from "./operation/operation.ts";
export { type LedgerOptions, ledgerDefaults, type RetentionOptions, retentionDefaults } from "./options.ts";
export type { StepName } from "./run/engine.ts";
export type { ByPerson } from "./run/operator.ts";
export type { Tidied } from "./run/retention.ts";
export {
  type BusinessStep,
  decide,
  dueStates,
  type EvidenceKind,
  evidenceKinds,
  type FoundPolicy,
  type Intent,
  type NotFoundPolicy,
  type OpenState,
  type OperationFacts,
  type OperationState,
  openStates,
  operationStates,
  operationTable,
  type ProviderFacts,
  type Rule,
  type SettledState,
  settledStates,
  type Transition,
  type UnknownFirst,
} from "./state/transitions.ts";
export { fromPgPool, type PgClient, type PgOwnClient, type PgPool, type PgTx } from "./store/pg.ts";
export type { OperationRecord } from "./store/record.ts";
export type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "./store/sql-port.ts";
export type { HistoryEntry, LastError } from "./store/store.ts";

export type { LedgerEvent } from "./events.ts";
export { ledgerFailureCodes } from "./failure.ts";
export { createLedger, type Ledger, type LedgerSnapshot } from "./ledger.ts";
export {
  type AbandonedFailure,
  type CallInfo,
  type Capabilities,
  type Inquiry,
  type ManyProvidersDefinition,
  type OperationDefinition,
  type ProviderDefinition,
  type SingleProviderDefinition,
  type UnknownPolicy,
  unknownDefaults,
} from "./operation/definition.ts";
export type { Guarantee, GuaranteeLevel } from "./operation/guarantee.ts";
export type { Operation, Outcome, RunOptions } from "./operation/operation.ts";
export { type LedgerOptions, ledgerDefaults } from "./options.ts";
export type { StepName } from "./run/engine.ts";
export {
  type BusinessStep,
  type CancelFacts,
  decide,
  dueStates,
  type EvidenceKind,
  evidenceKinds,
  type Intent,
  type NotFoundPolicy,
  type OpenState,
  type OperationFacts,
  type OperationState,
  openStates,
  operationStates,
  operationTable,
  type Rule,
  type SettledState,
  settledStates,
  type Transition,
} from "./state/transitions.ts";
export { fromPgPool, type PgClient, type PgPool, type PgTx } from "./store/pg.ts";
export type { OperationRecord } from "./store/record.ts";
export type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "./store/sql-port.ts";
export type { HistoryEntry, LastError } from "./store/store.ts";

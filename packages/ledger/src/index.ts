export {
  type Alarm,
  type AlarmChange,
  type AlarmSnapshot,
  type Alarms,
  createAlarms,
} from "./alarm/alarms.ts";
export type { AmountAtRisk, AtRisk } from "./alarm/at-risk.ts";
export { type AlarmName, type AlarmOptions, alarmDefaults } from "./alarm/options.ts";
export type { BarrierAction, BarrierOptions, Passed } from "./barrier/barrier.ts";
export {
  fromMysql2Pool,
  type Mysql2Connection,
  type Mysql2Pool,
  type Mysql2Statement,
} from "./drivers/mysql2.ts";
export { fromPgPool, type PgClient, type PgOwnClient, type PgPool, type PgTx } from "./drivers/pg.ts";
export { fromSqlite, type SqliteOptions, type SqlitePort, type SqliteTx } from "./drivers/sqlite.ts";
export type { LedgerEvent } from "./events.ts";
export { ledgerFailureCodes } from "./failure.ts";
export { createInbox, type Inbox, type WebhookAnswer } from "./inbox/inbox.ts";
export {
  type InboxOptions,
  inboxDefaults,
  type WebhookEvent,
  type WebhookEvidence,
} from "./inbox/options.ts";
export {
  type HmacOptions,
  hmacDefaults,
  hmacSignature,
  type SignatureParts,
  singleHeader,
  type Verify,
  type WebhookRequest,
} from "./inbox/signature.ts";
export type { InboxRecord } from "./inbox/tables.ts";
export { createLedger, type FindOptions, type Ledger, type LedgerSnapshot, type Which } from "./ledger.ts";
export { type ListOptions, listDefaults, type OperationPage } from "./list/list.ts";
export { type PersonMove, personMoves } from "./list/person-moves.ts";
export type { BusinessStatement, BusinessWrite, WriteByStatement } from "./operation/business-write.ts";
export {
  type AbandonedFailure,
  type Amount,
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
export type { ConsistentLevel, Guarantee, GuaranteeLevel } from "./operation/guarantee.ts";
export type {
  EnqueueOptions,
  Observed,
  ObserveOptions,
  Operation,
  Outcome,
  RunOptions,
} from "./operation/operation.ts";
export { type LedgerOptions, ledgerDefaults, type RetentionOptions, retentionDefaults } from "./options.ts";
export {
  type DeliveryInfo,
  type OutboxMessage,
  type OutboxOptions,
  outboxDefaults,
} from "./outbox/options.ts";
export type { AboutMessage, Outbox, Outboxes } from "./outbox/outbox.ts";
export type { LaneRecord, OpenLanes } from "./outbox/outbox-store.ts";
export { exactAmount } from "./reconcile/amount.ts";
export {
  type FindingClass,
  findingClasses,
  type ItemClass,
  type QuietClass,
  quietClasses,
} from "./reconcile/classify.ts";
export {
  type ActedClass,
  type Action,
  type ReconciliationOptions,
  reconciliationDefaults,
} from "./reconcile/options.ts";
export {
  createReconciliation,
  type Reconciled,
  type ReconcileOptions,
  type Reconciliation,
} from "./reconcile/reconciliation.ts";
export {
  type CurrencyTotal,
  type ReconciliationReport,
  type ReportDay,
  reportCsv,
} from "./reconcile/report.ts";
export { reportHtml } from "./reconcile/report-html.ts";
export type {
  BrokenLine,
  RemoteItem,
  RemoteRow,
  RemoteRows,
  RemoteStatus,
  TimeRange,
} from "./reconcile/rows.ts";
export { listPages, type Page, statementFile } from "./reconcile/sources.ts";
export type { FixedColumns, StatementFormat, StatementLine } from "./reconcile/statement-lines.ts";
export type { Finding } from "./reconcile/tables.ts";
export type { StepName } from "./run/engine.ts";
export type { ByPerson } from "./run/operator.ts";
export type { Tidied } from "./run/retention.ts";
export { type OpenSagaState, openSagaStates, type SagaState, sagaStates } from "./saga/decide.ts";
export {
  type AnyOperation,
  type SagaDefinition,
  type SagaFailure,
  type SagaOutcome,
  type SagaSoFar,
  type SagaStep,
  type SagaUndo,
  sagaDefaults,
  sagaStep,
  sagaUndo,
} from "./saga/definition.ts";
export type { SagaSnapshot } from "./saga/desk.ts";
export type { WhichSaga } from "./saga/people.ts";
export type { SagaRecord, SagaStepRecord } from "./saga/record.ts";
export type { ListSagas, Saga, Sagas } from "./saga/saga.ts";
export type { SagaHistoryEntry } from "./saga/saga-store.ts";
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
export type { HistoryEntry, LastError } from "./store/operation-row.ts";
export type { OperationRecord, OperationSummary } from "./store/record.ts";
export type { SqlBounds, SqlPort, SqlQuery, SqlRow } from "./store/sql-port.ts";

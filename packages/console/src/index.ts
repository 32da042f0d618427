export { consoleFiles } from "./files.ts";
export type {
  OperationDetail,
  OperationFilter,
  OperationMove,
  OperationPage,
  OperationRow,
} from "./operations.ts";
export { operationStates } from "./operations.ts";
export {
  type ConsoleSnapshot,
  type FaultKind,
  faultKinds,
  type IntegrationSnapshot,
  type LaneSnapshot,
  type ProviderSnapshot,
  type ShopSnapshot,
} from "./snapshot.ts";

export { consoleFiles } from "./files.ts";
export {
  type ConsoleSnapshot,
  type FaultKind,
  faultKinds,
  type IntegrationSnapshot,
  type LaneSnapshot,
  type ProviderSnapshot,
  type ShopSnapshot,
} from "./snapshot.ts";

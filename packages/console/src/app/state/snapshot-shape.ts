import type { ConsoleSnapshot } from "../../index.ts";

/**
 * Whether a parsed message can be shown.
 *
 * The server is ours, but a tab that stayed open over an upgrade may talk to another version of it; then a
 * sentence is better than a blank page.
 */
export function isSnapshot(value: unknown): value is ConsoleSnapshot {
  return (
    isRecord(value) &&
    typeof value["atMs"] === "number" &&
    isRecord(value["shop"]) &&
    isRecord(value["traffic"]) &&
    isRecord(value["lanes"]) &&
    isLane(value["lanes"]["bare"]) &&
    isLane(value["lanes"]["outrigger"]) &&
    isListOf(value["integrations"], (item) => has(item, ["breaker", "concurrency", "pool"], "object")) &&
    isListOf(value["providers"], (item) => has(item, ["name", "fault"], "string"))
  );
}

export function isHistory(value: unknown): value is readonly ConsoleSnapshot[] {
  return isListOf(value, isSnapshot);
}

const laneCounts = [
  "orders",
  "paid",
  "unpaid",
  "pending",
  "rejected",
  "chargedTwice",
  "chargedWithoutOrder",
  "orderWithoutCharge",
  "perSecond",
];

function isLane(value: unknown): boolean {
  return isRecord(value) && has(value, laneCounts, "number") && isRecord(value["database"]);
}

function has(value: unknown, keys: readonly string[], type: "number" | "string" | "object"): boolean {
  return isRecord(value) && keys.every((key) => typeof value[key] === type);
}

function isListOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

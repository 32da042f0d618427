import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Reconciliation } from "@outrigger/ledger";
import { exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import { safe } from "../terminal/safe-text.ts";
import type { AnyLedger, Source } from "./source.ts";

const ledgerParts = ["find", "list", "retry", "cancel", "resolve"];

/** Loads a module of the user, whose top level makes the ledger and defines its operations. */
export async function fromApp({ text }: Session, file: string): Promise<Source> {
  const { usage } = text;
  const path = resolve(file);
  const shown = safe(file);
  if (!existsSync(path)) throw new Stop(exitCodes.usage, usage.appMissing(shown));
  const module = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new Stop(
      exitCodes.usage,
      usage.appFailed(shown, safe(error instanceof Error ? error.message : String(error))),
    );
  });
  const { ledger, reconciliations, close } = module as Record<string, unknown>;
  if (!isLedger(ledger)) throw new Stop(exitCodes.usage, usage.appNoLedger(shown));
  if (reconciliations !== undefined && !areReconciliations(reconciliations)) {
    throw new Stop(exitCodes.usage, usage.appNoReconciliations(shown));
  }
  return {
    ledger,
    where: shown,
    schema: "",
    reconciliations,
    database: undefined,
    close: async () => void (typeof close === "function" && (await close())),
  };
}

function isLedger(value: unknown): value is AnyLedger {
  return isObject(value) && ledgerParts.every((part) => typeof value[part] === "function");
}

function areReconciliations(value: unknown): value is Readonly<Record<string, Reconciliation>> {
  return (
    isObject(value) &&
    Object.values(value).every(
      (each) => isObject(each) && typeof each["run"] === "function" && typeof each["report"] === "function",
    )
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

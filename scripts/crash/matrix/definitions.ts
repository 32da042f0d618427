import type { Duration } from "@outrigger/core";
import type { UnknownPolicy } from "@outrigger/ledger";

/** What a provider declares, and what its operation does about the unknown: all that a guarantee is derived from. */
export interface Declared {
  /** One provider, or two of which the second is asked when the first had no effect. */
  readonly providers: readonly string[];
  readonly inquires: boolean;
  readonly cancels: "blocksLate" | "doesNotBlock" | "never";
  readonly keyed: boolean;
  readonly maxInFlight?: Duration;
  readonly unknown: UnknownPolicy;
  readonly accept?: "detect-only" | "none";
  /** Operations that run side by side and share statements and commits; one writes by itself. */
  readonly operations: number;
  /** Its business rows are written by statements, which may leave in one packet with the ledger's own. */
  readonly bySaying?: true;
}

/** True of every provider here that inquires: how long an effect may be missing from the answer. */
export const consistencyDelay: Duration = "300ms";

const quick = { notFoundAfter: "0ms", retryFirst: "20ms", retryMax: "100ms" } as const;
/** No case is to end with a person because it took long. */
const patient = { ...quick, manualAfter: "5m" } as const;
/** Here a person is the end, so that it has to come. */
const toPerson = { ...quick, manualAfter: "1500ms", onNotFound: "manual" } as const;

const best: Declared = {
  providers: ["a"],
  inquires: true,
  cancels: "blocksLate",
  keyed: true,
  unknown: patient,
  operations: 1,
};

/** Every set of capabilities that makes a difference, with the policies that it allows. */
const definitions = {
  "cancel-blocks": best,
  "no-inquiry": { ...best, inquires: false },
  "net-cancel": { ...best, unknown: { ...patient, first: "cancel" } },
  "found-undone": { ...best, unknown: { ...patient, onFound: "cancel" } },
  "two-providers": { ...best, providers: ["a", "b"] },
  gathered: { ...best, operations: 4 },
  said: { ...best, bySaying: true },
  "said-gathered": { ...best, operations: 4, bySaying: true },
  "same-key-again": {
    ...best,
    cancels: "doesNotBlock",
    unknown: { ...patient, onNotFound: "resend" },
  },
  "time-in-flight": {
    ...best,
    cancels: "doesNotBlock",
    maxInFlight: "1s",
    unknown: { ...patient, onNotFound: "fail" },
  },
  "cancel-does-not-block": { ...best, cancels: "doesNotBlock", unknown: toPerson },
  "inquiry-and-time-in-flight": {
    ...best,
    cancels: "never",
    maxInFlight: "1s",
    unknown: { ...patient, onNotFound: "fail" },
    accept: "detect-only",
  },
  "inquiry-only": { ...best, cancels: "never", unknown: toPerson, accept: "detect-only" },
  "cancel-only": {
    ...best,
    inquires: false,
    cancels: "doesNotBlock",
    unknown: toPerson,
    accept: "detect-only",
  },
  "key-only": { ...best, inquires: false, cancels: "never", unknown: toPerson, accept: "none" },
} as const satisfies Readonly<Record<string, Declared>>;

export type DefinitionName = keyof typeof definitions;
export const definitionNames = Object.keys(definitions) as readonly DefinitionName[];
export const declaredBy = (name: DefinitionName): Declared => definitions[name];

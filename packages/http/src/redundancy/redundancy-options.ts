import {
  assertKnownKeys,
  assertObject,
  budgetAt,
  type Clock,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
  join,
  type Listener,
  type LoadBudget,
  loadBudget,
  nonEmptyString,
  type Random,
  randomAt,
  ratioIn,
  show,
  systemClock,
  systemRandom,
} from "@outrigger/core";
import { newKey } from "../edge/new-key.ts";
import { httpDefaults } from "../options/defaults.ts";
import type { RequestOptions } from "../request/prepare.ts";
import type { HttpResponse } from "../response.ts";
import type { HttpIntegrationSnapshot } from "../snapshot.ts";
import type { RedundancyEvent } from "./redundancy-events.ts";
import type { RedundantOperation } from "./redundant-operation.ts";
import type { RecoveryRules } from "./standing.ts";

/** What is needed of an integration; every `httpIntegration` has it. */
export interface ProviderIntegration {
  readonly name: string;
  request(operation: string, options?: RequestOptions): Promise<HttpResponse>;
  snapshot(): Pick<HttpIntegrationSnapshot, "breaker" | "breakers">;
}

export interface ProviderOptions {
  /** With its own address, credentials, timeouts, breaker and limits. It stays yours: close it yourself. */
  readonly integration: ProviderIntegration;
  /** 1 is asked first; the next number takes what those before it cannot. Range: integer, 1 to 100. @defaultValue 1 */
  readonly priority?: number | undefined;
  /** Share among those of the same priority. Range: integer, 1 to 1000. @defaultValue 1 */
  readonly weight?: number | undefined;
}

export interface RecoveryOptions {
  /**
   * Share of its calls that a provider gets while its circuit tries it out, and at the start of its ramp-up. Range:
   * above 0, at most 1. @defaultValue 0.1
   */
  readonly firstShare?: number | undefined;
  /** In which time the share grows to all of them. @defaultValue "30s" */
  readonly rampUp?: Duration | undefined;
}

export interface RedundantIntegrationOptions<
  Operations extends Readonly<Record<string, RedundantOperation>>,
> {
  /** Stands in failures, events and the snapshot. */
  readonly name: string;
  readonly providers: Readonly<Record<string, ProviderOptions>>;
  /** Made by `redundantRead` and `redundantWrite`. */
  readonly operations: Operations;
  readonly timeout?:
    | {
        /** The whole call, all providers and settling included. @defaultValue "30s" */
        readonly total?: Duration | undefined;
        /** For one `settle`. Kept back from the call before it, at most half of what is left. @defaultValue "3s" */
        readonly settle?: Duration | undefined;
      }
    | undefined;
  readonly recovery?: RecoveryOptions | undefined;
  /** Bounds what is sent beyond first tries, by failover and hedges. @defaultValue a `loadBudget()` of its own */
  readonly budget?: LoadBudget | undefined;
  /**
   * Keys given by callers of which it is remembered who has them, so that a repetition goes to the same provider.
   * Range: integer, 0 to 1,000,000. @defaultValue 10,000
   */
  readonly rememberedKeys?: number | undefined;
  /** The same as the integrations'. @defaultValue the system clock */
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Makes the key of a change whose caller gives none. @defaultValue a random UUID */
  readonly newKey?: (() => string) | undefined;
  /** Hears everything that happens. What it throws is dropped. */
  readonly onEvent?: Listener<RedundancyEvent> | undefined;
}

/**
 * - `timeout.total` 30 s: as that of one integration; a caller does not wait longer because there are two.
 * - `timeout.settle` 3 s: one inquiry or cancel, which are quick where they work at all.
 * - `recovery.firstShare` 0.1: enough to see whether a provider is back, and nine in ten are spared if it is not.
 * - `recovery.rampUp` 30 s: caches and pools of a provider that comes back are cold; the load comes within half a minute.
 * - `rememberedKeys` 10,000: about two megabytes.
 */
export const redundancyDefaults: {
  readonly timeout: { readonly total: Duration; readonly settle: Duration };
  readonly recovery: { readonly firstShare: number; readonly rampUp: Duration };
  readonly rememberedKeys: number;
} = {
  timeout: { total: httpDefaults.timeout.total, settle: "3s" },
  recovery: { firstShare: 0.1, rampUp: "30s" },
  rememberedKeys: 10_000,
};

export interface ProviderSettings {
  readonly name: string;
  readonly integration: ProviderIntegration;
  readonly priority: number;
  readonly weight: number;
}

/** The options, read and checked. */
export interface RedundancySettings {
  readonly name: string;
  readonly providers: readonly ProviderSettings[];
  readonly operations: ReadonlyMap<string, RedundantOperation>;
  readonly totalMs: number;
  readonly settleMs: number;
  readonly recovery: RecoveryRules;
  readonly budget: LoadBudget;
  readonly rememberedKeys: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly newKey: () => string;
  readonly onEvent: Listener<RedundancyEvent> | undefined;
}

const known: readonly (keyof RedundantIntegrationOptions<Record<string, never>>)[] = [
  "name",
  "providers",
  "operations",
  "timeout",
  "recovery",
  "budget",
  "rememberedKeys",
  "clock",
  "random",
  "newKey",
  "onEvent",
];

/** @throws RangeError or TypeError that names the option, the value and the fix. */
export function parseRedundancy(
  options: RedundantIntegrationOptions<Readonly<Record<string, RedundantOperation>>>,
): RedundancySettings {
  assertKnownKeys("", options, known);
  const name = nonEmptyString("name", options.name);
  const { timeout = {}, recovery = {}, clock = systemClock, budget } = options;
  assertKnownKeys("timeout", timeout, ["total", "settle"]);
  assertKnownKeys("recovery", recovery, ["firstShare", "rampUp"]);
  for (const part of ["now", "wallNow", "setTimer"] as const) {
    functionAt(`clock.${part}`, (clock as Partial<Clock> | null)?.[part]);
  }
  if (budget !== undefined) budgetAt("budget", budget);
  for (const part of ["random", "newKey", "onEvent"] as const) {
    if (options[part] !== undefined) functionAt(part, options[part]);
  }
  const providers = parseProviders(options.providers);
  const names = providers.map((each) => each.name);
  const defaults = redundancyDefaults;
  return {
    name,
    providers,
    operations: parseOperations(options.operations, names),
    totalMs: durationMs("timeout.total", timeout.total ?? defaults.timeout.total),
    settleMs: durationMs("timeout.settle", timeout.settle ?? defaults.timeout.settle),
    recovery: {
      firstShare: ratioIn("recovery.firstShare", recovery.firstShare ?? defaults.recovery.firstShare),
      rampUpMs: durationMs("recovery.rampUp", recovery.rampUp ?? defaults.recovery.rampUp, { minMs: 0 }),
    },
    budget: budget ?? loadBudget({ name }),
    rememberedKeys: integerIn(
      "rememberedKeys",
      options.rememberedKeys ?? defaults.rememberedKeys,
      0,
      1_000_000,
    ),
    clock,
    random: randomAt("random", options.random ?? systemRandom),
    newKey: options.newKey ?? newKey,
    onEvent: options.onEvent,
  };
}

/** What may be changed of a provider while calls run. */
export function parseStanding(
  path: string,
  given: Pick<ProviderOptions, "priority" | "weight">,
  otherwise: { readonly priority: number; readonly weight: number },
): { readonly priority: number; readonly weight: number } {
  return {
    priority: integerIn(join(path, "priority"), given.priority ?? otherwise.priority, 1, 100),
    weight: integerIn(join(path, "weight"), given.weight ?? otherwise.weight, 1, 1_000),
  };
}

function parseProviders(providers: unknown): readonly ProviderSettings[] {
  assertObject("providers", providers);
  const entries = Object.entries(providers);
  if (entries.length === 0)
    throw new TypeError("providers must hold at least one provider: { a: { integration } }");
  const owners = new Map<unknown, string>();
  return entries.map(([name, given]) => {
    const path = join("providers", nonEmptyString("providers", name));
    assertKnownKeys(path, given, ["integration", "priority", "weight"]);
    const { integration, ...standing } = given as ProviderOptions;
    assertObject(join(path, "integration"), integration);
    for (const part of ["request", "snapshot"] as const) {
      functionAt(join(path, `integration.${part}`), integration[part]);
    }
    const owner = owners.get(integration);
    if (owner !== undefined) {
      throw new RangeError(
        `${path}.integration is the same as providers.${owner}.integration: a second provider needs its own, ` +
          "or one outage takes both",
      );
    }
    owners.set(integration, name);
    return { name, integration, ...parseStanding(path, standing, { priority: 1, weight: 1 }) };
  });
}

function parseOperations(
  operations: unknown,
  names: readonly string[],
): ReadonlyMap<string, RedundantOperation> {
  assertObject("operations", operations);
  const entries = Object.entries(operations);
  if (entries.length === 0) throw new TypeError("operations must hold at least one operation");
  for (const [name, operation] of entries) {
    const path = join("operations", name);
    const { kind, providers } = (operation ?? {}) as Partial<RedundantOperation>;
    if (kind !== "read" && kind !== "write") {
      throw new TypeError(`${path} must be made by redundantRead or redundantWrite; got ${show(operation)}`);
    }
    assertKnownKeys(join(path, "providers"), providers, names);
  }
  return new Map(entries as [string, RedundantOperation][]);
}

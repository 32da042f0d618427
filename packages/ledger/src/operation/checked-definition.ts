import { assertKnownKeys, assertObject, durationMs, join, oneOf, show } from "@outrigger/core";
import type { FoundPolicy, NotFoundPolicy, ProviderFacts, UnknownFirst } from "../state/transitions.ts";
import { type CheckedWrite, checkedWrite } from "./business-write.ts";
import {
  type AbandonedFailure,
  type Amount,
  type CommittedItem,
  type ManyWrites,
  type OperationDefinition,
  type ProviderDefinition,
  unknownDefaults,
} from "./definition.ts";
import { type Guarantee, guaranteeOf, weakest } from "./guarantee.ts";

export interface CheckedProvider<I, R> extends ProviderFacts {
  readonly name: string;
  readonly functions: ProviderDefinition<I, R>;
  readonly keyWindowMs: number | undefined;
  readonly keyScope: "operation" | "account";
  readonly consistencyDelayMs: number;
  readonly maxInFlightMs: number | undefined;
  readonly statementDelayMs: number | undefined;
  readonly guarantee: Guarantee;
}

interface CheckedMany<Tx, I, R> {
  readonly prepare: CheckedWrite<Tx, [inputs: readonly I[]]>;
  readonly commit: CheckedWrite<Tx, [items: readonly CommittedItem<I, R>[]]>;
}

/** A definition after its checks: every default filled in, every duration in milliseconds. */
export interface CheckedDefinition<Tx, I, R> {
  readonly name: string;
  readonly providers: ReadonlyMap<string, CheckedProvider<I, R>>;
  readonly prepare: CheckedWrite<Tx, [input: I]>;
  readonly commit: CheckedWrite<
    Tx,
    [input: I, result: R, info: { readonly provider: string; readonly key: string }]
  >;
  readonly abandon: CheckedWrite<Tx, [input: I, why: AbandonedFailure]>;
  readonly many: CheckedMany<Tx, I, R> | undefined;
  readonly amount: ((input: I) => Amount) | undefined;
  readonly first: UnknownFirst;
  readonly onFound: FoundPolicy;
  readonly onNotFound: NotFoundPolicy;
  readonly notFoundAfterMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly manualAfterMs: number;
  readonly leaseMs: number;
  readonly failoverOnRefusal: boolean;
  readonly guarantee: Guarantee;
}

const commonKeys = [
  "prepare",
  "commit",
  "abandon",
  "unknown",
  "lease",
  "failoverOnRefusal",
  "accept",
  "many",
  "amount",
] as const;
const providerKeys = ["call", "inquire", "cancel", "capabilities"] as const;

/** Shorter leases leave a call no time; longer ones leave a crashed operation alone for longer than that. */
export const leaseRange = { minMs: 100, maxMs: 3_600_000 } as const;

/**
 * @throws TypeError or RangeError that names the option, the value and the fix.
 */
export function checkedDefinition<Tx, I, R>(
  name: string,
  definition: OperationDefinition<Tx, I, R>,
  ledgerLeaseMs: number,
): CheckedDefinition<Tx, I, R> {
  const path = `operation ${show(name)}`;
  if (typeof name !== "string" || !/^[\x21-\x7e]{1,255}$/.test(name)) {
    throw new RangeError(`an operation's name must be 1 to 255 visible ASCII characters; got ${show(name)}`);
  }
  assertObject(path, definition);
  const many = Object.hasOwn(definition, "providers");
  assertKnownKeys(path, definition, [...commonKeys, ...(many ? ["providers"] : providerKeys)]);
  const writes = {
    prepare: checkedWrite<Tx, [I]>(path, definition, "prepare"),
    commit: checkedWrite<Tx, [I, R, { readonly provider: string; readonly key: string }]>(
      path,
      definition,
      "commit",
    ),
    abandon: checkedWrite<Tx, [I, AbandonedFailure]>(path, definition, "abandon"),
  };
  if (definition.amount !== undefined) assertFunction(path, definition, "amount");
  const functions = declaredProviders(path, definition);
  const parts = Object.entries(functions).map(([key, each]) =>
    checkedProvider(many ? join(path, `providers.${key}`) : path, key, each, many),
  );
  const unknown = checkedUnknown(path, definition.unknown, parts);
  const leaseMs =
    definition.lease === undefined
      ? ledgerLeaseMs
      : durationMs(join(path, "lease"), definition.lease, leaseRange);
  const providers = parts.map((part) => ({ ...part, guarantee: guaranteeOf(part, unknown, leaseMs) }));
  const guarantee = weakest(providers.map((provider) => provider.guarantee));
  assertAccepted(path, definition.accept, guarantee);
  return {
    name,
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    ...writes,
    amount: definition.amount?.bind(definition),
    many: checkedMany(path, definition.many),
    ...unknown,
    leaseMs,
    failoverOnRefusal: optionalBoolean(join(path, "failoverOnRefusal"), definition.failoverOnRefusal, false),
    guarantee,
  };
}

function checkedMany<Tx, I, R>(
  definitionPath: string,
  many: ManyWrites<Tx, I, R> | undefined,
): CheckedMany<Tx, I, R> | undefined {
  if (many === undefined) return undefined;
  const path = join(definitionPath, "many");
  assertObject(path, many);
  assertKnownKeys(path, many, ["prepare", "commit"]);
  return {
    prepare: checkedWrite(path, many, "prepare"),
    commit: checkedWrite(path, many, "commit"),
  };
}

/** @throws TypeError where less is promised than a user may expect who has not read it. */
function assertAccepted(path: string, accept: unknown, { level, reason }: Guarantee): void {
  const at = join(path, "accept");
  if (accept !== undefined) oneOf(at, accept, ["detect-only", "none"]);
  if (level !== "detect-only" && level !== "none") return;
  if (accept === level || accept === "none") return;
  throw new TypeError(
    `${path} can only promise "${level}" (${reason}); give the provider what is missing, or accept it in so many ` +
      `words: accept: "${level}"`,
  );
}

type CheckedUnknown = Pick<
  CheckedDefinition<unknown, unknown, unknown>,
  "first" | "onFound" | "onNotFound" | "notFoundAfterMs" | "retryFirstMs" | "retryMaxMs" | "manualAfterMs"
>;
type CheckedPart<I, R> = Omit<CheckedProvider<I, R>, "guarantee">;

/** The name under which a single inline provider is recorded. */
const inlineName = "default";

function declaredProviders<Tx, I, R>(
  path: string,
  definition: OperationDefinition<Tx, I, R>,
): Readonly<Record<string, ProviderDefinition<I, R>>> {
  if (definition.providers === undefined) return { [inlineName]: definition as ProviderDefinition<I, R> };
  assertObject(join(path, "providers"), definition.providers);
  const names = Object.keys(definition.providers);
  if (names.length === 0) throw new TypeError(`${join(path, "providers")} must name at least one provider`);
  for (const name of names) {
    if (/^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/.test(name)) continue;
    // Integer-like names would also lose their place in the order.
    throw new RangeError(
      `${join(path, "providers")}: a provider's name must be a letter followed by up to 62 letters, digits, ` +
        `"_", "." or "-"; got ${show(name)}`,
    );
  }
  return definition.providers;
}

function checkedProvider<I, R>(
  path: string,
  name: string,
  provider: ProviderDefinition<I, R>,
  own: boolean,
): CheckedPart<I, R> {
  assertObject(path, provider);
  if (own) assertKnownKeys(path, provider, providerKeys);
  assertFunction(path, provider, "call");
  for (const each of ["inquire", "cancel"] as const) {
    if (provider[each] !== undefined) assertFunction(path, provider, each);
  }
  const capabilities = provider.capabilities ?? {};
  const capabilityPath = join(path, "capabilities");
  assertKnownKeys(capabilityPath, capabilities, [
    "idempotencyKey",
    "inquiry",
    "cancel",
    "maxInFlight",
    "statements",
  ]);
  const { idempotencyKey, inquiry, cancel, maxInFlight, statements } = capabilities;
  if (statements !== undefined) assertKnownKeys(join(capabilityPath, "statements"), statements, ["delay"]);
  if (idempotencyKey !== undefined && idempotencyKey !== false) {
    assertKnownKeys(join(capabilityPath, "idempotencyKey"), idempotencyKey, ["window", "scope"]);
  }
  for (const [key, each] of Object.entries({ inquire: inquiry, cancel })) {
    const declared = join(capabilityPath, key === "inquire" ? "inquiry" : key);
    if (each === undefined || provider[key as "inquire" | "cancel"] !== undefined) continue;
    throw new TypeError(`${declared} is declared, but ${join(path, key)} is missing`);
  }
  if (inquiry !== undefined) assertKnownKeys(join(capabilityPath, "inquiry"), inquiry, ["consistencyDelay"]);
  if (cancel !== undefined) {
    assertKnownKeys(join(capabilityPath, "cancel"), cancel, ["blocksLateOriginal"]);
  }
  return {
    name,
    functions: provider,
    canInquire: provider.inquire !== undefined,
    canCancel: provider.cancel !== undefined,
    cancelBlocksLateOriginal: optionalBoolean(
      join(capabilityPath, "cancel.blocksLateOriginal"),
      cancel?.blocksLateOriginal,
      false,
    ),
    consistencyDelayMs:
      inquiry?.consistencyDelay === undefined
        ? 0
        : durationMs(join(capabilityPath, "inquiry.consistencyDelay"), inquiry.consistencyDelay, {
            minMs: 0,
          }),
    maxInFlightMs:
      maxInFlight === undefined ? undefined : durationMs(join(capabilityPath, "maxInFlight"), maxInFlight),
    statementDelayMs:
      statements === undefined
        ? undefined
        : durationMs(join(capabilityPath, "statements.delay"), statements.delay, { minMs: 0 }),
    keyScope: idempotencyKey
      ? oneOf(join(capabilityPath, "idempotencyKey.scope"), idempotencyKey.scope ?? "operation", [
          "operation",
          "account",
        ])
      : "operation",
    keyWindowMs: idempotencyKey
      ? durationMs(join(capabilityPath, "idempotencyKey.window"), idempotencyKey.window)
      : undefined,
  };
}

function checkedUnknown<I, R>(
  path: string,
  policy: unknown,
  providers: readonly CheckedPart<I, R>[],
): CheckedUnknown {
  const at = join(path, "unknown");
  const given = policy ?? {};
  assertKnownKeys(at, given, ["onNotFound", ...Object.keys(unknownDefaults)]);
  const options: Record<string, unknown> = { ...unknownDefaults, ...dropUndefined(given) };
  const ms = (key: string, minMs: number): number => durationMs(join(at, key), options[key], { minMs });
  const allBlock = providers.every((provider) => provider.cancelBlocksLateOriginal);
  const onNotFound = oneOf(
    join(at, "onNotFound"),
    options["onNotFound"] ?? (allBlock ? "cancel" : "manual"),
    ["cancel", "resend", "fail", "manual"],
  );
  const first = oneOf(join(at, "first"), options["first"], ["inquire", "cancel"]);
  const onFound = oneOf(join(at, "onFound"), options["onFound"], ["complete", "cancel"]);
  for (const provider of providers) {
    if (first === "cancel" && !provider.cancelBlocksLateOriginal) {
      throw new TypeError(
        `${join(at, "first")} is "cancel", but provider "${provider.name}" does not declare ` +
          "capabilities.cancel.blocksLateOriginal: true; an original that arrives after its cancel would stand",
      );
    }
    if (onFound === "cancel" && !provider.canCancel) {
      throw new TypeError(
        `${join(at, "onFound")} is "cancel", but provider "${provider.name}" has no cancel`,
      );
    }
    if (onNotFound === "fail" && provider.maxInFlightMs === undefined) {
      throw new TypeError(
        `${join(at, "onNotFound")} is "fail", but provider "${provider.name}" does not declare ` +
          'capabilities.maxInFlight; without it "not found" proves nothing',
      );
    }
    if (onNotFound === "fail" && !provider.canInquire && !provider.canCancel) {
      throw new TypeError(
        `${join(at, "onNotFound")} is "fail", but provider "${provider.name}" has neither inquire nor cancel, so ` +
          "nothing could ever be found",
      );
    }
    if (onNotFound === "cancel" && !provider.cancelBlocksLateOriginal) {
      throw new TypeError(
        `${join(at, "onNotFound")} is "cancel", but provider "${provider.name}" does not declare ` +
          "capabilities.cancel.blocksLateOriginal: true; a late original would then take effect after its cancel",
      );
    }
    if (onNotFound === "resend" && provider.keyWindowMs === undefined) {
      throw new TypeError(
        `${join(at, "onNotFound")} is "resend", but provider "${provider.name}" does not declare ` +
          "capabilities.idempotencyKey.window; sending again could then take effect twice",
      );
    }
  }
  return {
    first,
    onFound,
    onNotFound,
    notFoundAfterMs: ms("notFoundAfter", 0),
    retryFirstMs: ms("retryFirst", 1),
    retryMaxMs: ms("retryMax", 1),
    manualAfterMs: ms("manualAfter", 1),
  };
}

function assertFunction(path: string, holder: object, key: string): void {
  const value: unknown = Reflect.get(holder, key);
  if (typeof value !== "function") {
    throw new TypeError(`${join(path, key)} must be a function; got ${show(value)}`);
  }
}

function optionalBoolean(path: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new TypeError(`${path} must be true or false; got ${show(value)}`);
  return value;
}

function dropUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

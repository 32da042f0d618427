import {
  assertKnownKeys,
  assertObject,
  functionAt,
  type HedgeOptions,
  join,
  nonEmptyString,
} from "@outrigger/core";
import type { RequestOptions } from "../request/prepare.ts";
import type { HttpResponse } from "../response.ts";
import type { SettledAs } from "./redundancy-failure.ts";

/** What a provider's mapping makes of the input. When the call ends is the redundant integration's to say. */
export type ProviderRequest = Omit<RequestOptions, "signal" | "deadlineAtMs">;

/** The keys of one provider for one logical call: derived once, and unlike any other provider's. */
export interface ProviderKeys {
  /** Of the change itself. 43 letters, digits, `-` and `_`. */
  readonly key: string;
  /** For cancelling it, where the cancel takes a key of its own. */
  readonly cancelKey: string;
}

interface Through<I> {
  /** One of the provider's own operations. */
  readonly operation: string;
  /** Whether this provider can do it for this input at all. @defaultValue it can */
  readonly accepts?: ((input: I) => boolean) | undefined;
}

/** How one provider answers a read. */
export interface ReadThrough<I, O> extends Through<I> {
  request(input: I): ProviderRequest;
  answer(response: HttpResponse, input: I): O;
}

/** How one provider makes a change. */
export interface WriteThrough<I, O> extends Through<I> {
  /** Puts `key` where the provider wants it: as the request's key, or into the body where it has none. */
  request(input: I, keys: ProviderKeys): ProviderRequest;
  /** A `Failure` thrown here is taken at its word; anything else may have taken effect. */
  answer(response: HttpResponse, input: I, keys: ProviderKeys): O;
  /**
   * Finds out what became of a change that may have taken effect, by asking or by cancelling. Nobody else is asked to
   * make the change until this says that it is not there. Left out, a change that may have taken effect ends there.
   */
  settle?: ((input: I, settling: Settling) => Promise<Settlement<O>>) | undefined;
}

/**
 * - `notThere`: nothing took effect, and the original cannot arrive late either. An inquiry that finds nothing proves that
 *   only where the provider says so: the request may still be on its way.
 * - `cancelled`: it was taken back, or its key was blocked before it came.
 * - `done`: it took effect, with this result.
 * - `unknown`: nobody can tell yet.
 */
export type Settlement<O> =
  | { readonly status: "notThere" | "cancelled" | "unknown" }
  | { readonly status: "done"; readonly result: O };

export interface Settling extends ProviderKeys {
  readonly provider: string;
  /** Calls an operation of this provider, inside the time that is there for settling. */
  request(operation: string, options?: ProviderRequest): Promise<HttpResponse>;
  /** For other means than `request`. */
  readonly signal: AbortSignal;
}

/** Made by {@link redundantRead}. */
export interface RedundantRead<I, O> {
  readonly kind: "read";
  readonly providers: Readonly<Record<string, ReadThrough<I, O>>>;
  readonly hedge?: HedgeRule | undefined;
}

/** Made by {@link redundantWrite}. */
export interface RedundantWrite<I, O> {
  readonly kind: "write";
  readonly providers: Readonly<Record<string, WriteThrough<I, O>>>;
}

export type HedgeRule = Omit<HedgeOptions, "budget" | "name" | "onEvent">;

/** Any operation, whatever its input and answer. */
export type RedundantOperation = RedundantRead<never, unknown> | RedundantWrite<never, unknown>;
export type InputOf<Op> = Op extends RedundantRead<infer I, unknown> | RedundantWrite<infer I, unknown>
  ? I
  : never;
export type OutputOf<Op> = Op extends RedundantRead<never, infer O> | RedundantWrite<never, infer O>
  ? O
  : never;

/**
 * A question that any of the providers can answer, and that changes nothing wherever it is asked.
 *
 * A failure of one is passed to the next, whatever its effect.
 *
 * @param options.hedge - Asks the next provider as well when the first one takes long; the faster answer counts.
 */
export function redundantRead<I, O>(options: {
  readonly hedge?: HedgeRule | undefined;
  readonly providers: Readonly<Record<string, ReadThrough<I, O>>>;
}): RedundantRead<I, O> {
  assertKnownKeys("redundantRead", options, ["hedge", "providers"]);
  checkThroughs("redundantRead.providers", options.providers, ["operation", "accepts", "request", "answer"]);
  return { kind: "read", ...options };
}

/**
 * A change that one of the providers shall make, and never two of them.
 *
 * The next one is asked when the first certainly had no effect, or when its `settle` has said that nothing is there.
 */
export function redundantWrite<I, O>(options: {
  readonly providers: Readonly<Record<string, WriteThrough<I, O>>>;
}): RedundantWrite<I, O> {
  assertKnownKeys("redundantWrite", options, ["providers"]);
  const known = ["operation", "accepts", "request", "answer", "settle"];
  checkThroughs("redundantWrite.providers", options.providers, known);
  return { kind: "write", ...options };
}

function checkThroughs(path: string, providers: unknown, known: readonly string[]): void {
  assertObject(path, providers);
  if (Object.keys(providers).length === 0) {
    throw new TypeError(`${path} must hold at least one provider, by its name in the redundant integration`);
  }
  for (const [name, through] of Object.entries(providers)) {
    const here = join(path, name);
    assertKnownKeys(here, through, known);
    const parts = through as Record<string, unknown>;
    nonEmptyString(join(here, "operation"), parts["operation"]);
    for (const part of ["request", "answer"]) functionAt(join(here, part), parts[part]);
    for (const part of ["accepts", "settle"]) {
      if (parts[part] !== undefined) functionAt(join(here, part), parts[part]);
    }
  }
}

const settlements: ReadonlySet<unknown> = new Set<SettledAs>(["notThere", "cancelled", "done"]);

/** Reads what a `settle` returned. Only what it says in so many words counts. */
export function readSettlement<O>(value: unknown): Settlement<O> {
  if (typeof value !== "object" || value === null) return { status: "unknown" };
  const { status } = value as Partial<Settlement<O>>;
  if (!settlements.has(status)) return { status: "unknown" };
  if (status === "done" && !("result" in value)) return { status: "unknown" };
  return value as Settlement<O>;
}

/** How a provider that the operation names takes part in it. */
export function throughOf(
  operation: RedundantOperation,
  provider: string,
): ReadThrough<never, unknown> | WriteThrough<never, unknown> {
  return operation.providers[provider] as ReadThrough<never, unknown> | WriteThrough<never, unknown>;
}

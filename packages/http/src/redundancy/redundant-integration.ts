import {
  assertKnownKeys,
  type Call,
  CallContext,
  coreFailureCodes,
  type Effect,
  Failure,
  type Hedge,
  hedge,
  isolated,
} from "@outrigger/core";
import { httpFailureCodes } from "../failure.ts";
import { checkBounds } from "../request/checks.ts";
import { checkKey } from "../request/key.ts";
import { orderOf, sharesOf } from "./choose-provider.ts";
import { failureOfCall, toldOf } from "./failure-of-call.ts";
import { type Binding, KeyBindings } from "./key-bindings.ts";
import { messageOf } from "./message-of.ts";
import type { LogicalCall } from "./provider-attempt.ts";
import { ProviderLane } from "./provider-lane.ts";
import { providerWalk } from "./provider-walk.ts";
import type { RedundancyEvent } from "./redundancy-events.ts";
import { type ProviderAttempt, RedundancyFailure, redundancyFailureCodes } from "./redundancy-failure.ts";
import {
  type ProviderOptions,
  parseRedundancy,
  parseStanding,
  type RedundancySettings,
  type RedundantIntegrationOptions,
} from "./redundancy-options.ts";
import type { RedundantIntegrationSnapshot } from "./redundancy-snapshot.ts";
import { type InputOf, type OutputOf, type RedundantOperation, throughOf } from "./redundant-operation.ts";

export interface RedundantCallOptions {
  /**
   * Of a change: the same for every repetition of the same logical call, such as the order's id. Each provider sees a key
   * of its own, derived from it. 1 to 255 visible ASCII characters.
   *
   * @defaultValue a new one for each call
   */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** An instant on the clock; the nearer of it and `timeout.total` ends the call. */
  readonly deadlineAtMs?: number | undefined;
}

export interface ProviderAnswer<O> {
  readonly value: O;
  /** Who answered. Keep it with a change: only that provider can be asked about it later. */
  readonly provider: string;
  /** All that were asked, in the order in which they ended. */
  readonly tried: readonly ProviderAttempt[];
}

/** Several integrations behind one name. */
export interface RedundantIntegration<Operations extends Readonly<Record<string, RedundantOperation>>> {
  readonly name: string;
  /**
   * Calls an operation at one provider, and at the next where that is safe.
   *
   * @throws {@link RedundancyFailure}; its `effect` stands for all providers together, its `provider` is the one to ask.
   */
  call<Name extends keyof Operations & string>(
    operation: Name,
    input: InputOf<Operations[Name]>,
    options?: RedundantCallOptions,
  ): Promise<ProviderAnswer<OutputOf<Operations[Name]>>>;
  /** Takes a provider out: no new calls from now on. Resolves when those that run there have ended. */
  drain(provider: string): Promise<void>;
  /** Takes a drained provider in again; its share ramps up. */
  resume(provider: string): void;
  /** Other shares from the next call on; what is left out stays. */
  reconfigure(provider: string, changes: Pick<ProviderOptions, "priority" | "weight">): void;
  snapshot(): RedundantIntegrationSnapshot;
}

/**
 * Puts several providers of the same thing behind one name.
 *
 * Each call goes to one of them, by priority, weight and health, and to the next where that is safe: a read after any
 * failure; a change only when it certainly had no effect, or when the first provider's `settle` has said that nothing is
 * there. All of it happens inside one deadline, and what is sent beyond the first try comes out of one budget.
 *
 * What must survive a crash of this process between two providers belongs into the ledger, which knows providers too.
 *
 * @throws RangeError or TypeError that names the option, the value and the fix.
 */
export function redundantIntegration<const Operations extends Readonly<Record<string, RedundantOperation>>>(
  options: RedundantIntegrationOptions<Operations>,
): RedundantIntegration<Operations> {
  return new Redundancy(parseRedundancy(options));
}

interface OperationLane {
  readonly operation: RedundantOperation;
  /** In the order of the providers' names in the options. */
  readonly lanes: readonly ProviderLane[];
  readonly run: Call<LogicalCall, unknown>;
  readonly hedge: Hedge | undefined;
}

class Redundancy implements RedundantIntegration<Readonly<Record<string, RedundantOperation>>> {
  readonly name: string;
  readonly #settings: RedundancySettings;
  readonly #emit: ((event: RedundancyEvent) => void) | undefined;
  readonly #lanes = new Map<string, ProviderLane>();
  readonly #operations = new Map<string, OperationLane>();
  readonly #bindings: KeyBindings;
  readonly #counts = { running: 0, succeeded: 0, failedOver: 0, failed: { none: 0, unknown: 0, done: 0 } };

  constructor(settings: RedundancySettings) {
    this.name = settings.name;
    this.#settings = settings;
    this.#emit = settings.onEvent === undefined ? undefined : isolated(settings.onEvent);
    this.#bindings = new KeyBindings(settings.rememberedKeys);
    const { recovery, clock } = settings;
    const rules = { integration: this.name, recovery, clock, emit: this.#emit };
    for (const each of settings.providers) this.#lanes.set(each.name, new ProviderLane(each, rules));
    for (const [name, operation] of settings.operations) {
      const lanes = [...this.#lanes.values()].filter((lane) => Object.hasOwn(operation.providers, lane.name));
      const { budget, settleMs } = settings;
      const attempts = { integration: this.name, operation: name, settleMs, emit: this.#emit };
      const walk = providerWalk(operation, { ...attempts, budget });
      const rule = operation.kind === "read" ? operation.hedge : undefined;
      const hedging =
        rule &&
        hedge({ ...rule, budget, name: `${this.name}.${name}`, ...(this.#emit && { onEvent: this.#emit }) });
      this.#operations.set(name, { operation, lanes, run: hedging?.(walk) ?? walk, hedge: hedging });
    }
  }

  async call(name: string, input: never, options: RedundantCallOptions = {}): Promise<ProviderAnswer<never>> {
    const { lane, call, context, end } = this.#begin(name, input, options);
    this.#counts.running += 1;
    try {
      const value = (await lane.run(call, context)) as never;
      const last = call.tried.findLast((each) => each.effect === "done");
      this.#counts.succeeded += 1;
      if (call.claimed.size > 1 && last?.provider !== call.order[0]?.name) this.#counts.failedOver += 1;
      return { value, provider: last?.provider ?? "", tried: call.tried.map(toldOf) };
    } catch (cause) {
      const failure = failureOfCall(this.name, name, cause, call);
      this.#counts.failed[failure.effect] += 1;
      throw failure;
    } finally {
      this.#counts.running -= 1;
      end();
    }
  }

  drain(provider: string): Promise<void> {
    return this.#lane("drain", provider).drain();
  }

  resume(provider: string): void {
    this.#lane("resume", provider).resume();
  }

  reconfigure(provider: string, changes: Pick<ProviderOptions, "priority" | "weight">): void {
    assertKnownKeys("reconfigure", changes, ["priority", "weight"]);
    const lane = this.#lane("reconfigure", provider);
    Object.assign(lane, parseStanding("reconfigure", changes, lane));
  }

  snapshot(): RedundantIntegrationSnapshot {
    return {
      kind: "redundantIntegration",
      name: this.name,
      providers: [...this.#lanes.values()].map((lane) => ({
        name: lane.name,
        integration: lane.integration.name,
        priority: lane.priority,
        weight: lane.weight,
        draining: lane.draining,
        running: lane.running,
        ...lane.counts,
        settled: { ...lane.counts.settled },
      })),
      operations: Object.fromEntries(
        [...this.#operations].map(([name, { operation, lanes, hedge }]) => {
          const open = lanes.filter((lane) => !lane.draining);
          const shares = sharesOf(
            open.map((lane) => lane.candidate(throughOf(operation, lane.name).operation)),
          );
          const providers = lanes.map((lane) => ({
            name: lane.name,
            state: lane.stateOf(throughOf(operation, lane.name).operation),
            share: shares[open.indexOf(lane)] ?? 0,
          }));
          return [name, { kind: operation.kind, providers, hedge: hedge?.snapshot() ?? null }];
        }),
      ),
      calls: { ...this.#counts, failed: { ...this.#counts.failed } },
      rememberedKeys: this.#bindings.size,
    };
  }

  /** Everything that is decided before anybody is asked. */
  #begin(name: string, input: never, options: RedundantCallOptions) {
    const lane = this.#operations.get(name);
    if (lane === undefined) {
      const names = [...this.#operations.keys()].join(", ");
      throw this.#invalid(name, `there is no such operation; there are ${names}`);
    }
    const isRead = lane.operation.kind === "read";
    const { clock, totalMs } = this.#settings;
    let given: string | undefined;
    let open: readonly ProviderLane[];
    let context: CallContext;
    try {
      assertKnownKeys("", options, ["key", "signal", "deadlineAtMs"]);
      checkBounds(options);
      if (isRead && options.key !== undefined) throw new RangeError("key must not be given: a read has none");
      if (options.key !== undefined) given = checkKey(options.key);
      open = lane.lanes.filter((each) => throughOf(lane.operation, each.name).accepts?.(input) ?? true);
      const deadlineAtMs = Math.min(options.deadlineAtMs ?? Number.POSITIVE_INFINITY, clock.now() + totalMs);
      context = new CallContext({ operation: name, idempotent: isRead, deadlineAtMs, clock });
    } catch (cause) {
      throw this.#invalid(name, cause instanceof Error ? cause.message : String(cause), cause);
    }
    const bound = given === undefined ? undefined : this.#bind(name, given);
    const end = this.#listen(options.signal, context, bound?.end);
    try {
      const order = this.#order(name, lane, open, bound?.binding);
      const key = isRead ? undefined : (given ?? this.#newKey(name));
      const call: LogicalCall = { input, key, binding: bound?.binding, order, claimed: new Set(), tried: [] };
      return { lane, call, context, end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Two changes under one key would be taken for one, and without a key a change would be taken for a read. */
  #newKey(name: string): string {
    try {
      return checkKey(this.#settings.newKey());
    } catch (cause) {
      throw this.#invalid(name, `newKey: ${messageOf(cause)}`, cause);
    }
  }

  #bind(name: string, given: string): { readonly binding: Binding; readonly end: () => void } {
    const key = JSON.stringify([name, given]);
    const binding = this.#bindings.begin(key);
    if (binding !== undefined) return { binding, end: () => this.#bindings.end(key, binding) };
    throw this.#rejected(name, "a call with this key is running; ask again when it has ended", {
      code: redundancyFailureCodes.keyInUse,
      effect: "unknown",
    });
  }

  /** Ends the call with its caller, and listens to the caller no longer than that. */
  #listen(signal: AbortSignal | undefined, context: CallContext, end: (() => void) | undefined): () => void {
    if (signal === undefined) return () => end?.();
    const leave = (): void =>
      context.abort(
        new Failure("the caller aborted the call", {
          code: coreFailureCodes.callAborted,
          effect: "none",
          kind: "aborted",
          cause: signal.reason,
        }),
      );
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    return () => {
      signal.removeEventListener("abort", leave);
      end?.();
    };
  }

  /** Who has the change of this key comes first; the others come into question only when that one has settled it. */
  #order(
    name: string,
    { operation }: OperationLane,
    accepting: readonly ProviderLane[],
    binding: Binding | undefined,
  ): readonly ProviderLane[] {
    const holder = binding?.provider === undefined ? undefined : this.#lanes.get(binding.provider);
    if (holder?.draining === true) {
      throw this.#rejected(
        name,
        `${holder.name} has this call's key and is drained: resume it, or ask it by hand`,
        {
          code: redundancyFailureCodes.providerDrained,
          effect: binding?.left ?? "unknown",
        },
      );
    }
    const open = accepting.filter((lane) => !lane.draining && lane !== holder);
    if (open.length === 0 && holder === undefined) {
      const why = accepting.length === 0 ? "no provider accepts this input" : "every provider is drained";
      throw this.#rejected(name, why, { code: redundancyFailureCodes.noProvider, effect: "none" });
    }
    const candidates = open.map((lane) => lane.candidate(throughOf(operation, lane.name).operation));
    const order = orderOf(candidates, this.#settings.random).map(({ lane }) => lane);
    return holder === undefined ? order : [holder, ...order];
  }

  #invalid(operation: string, why: string, cause?: unknown): RedundancyFailure {
    const init = { code: httpFailureCodes.requestInvalid, effect: "none", transient: false } as const;
    return this.#rejected(operation, why, cause === undefined ? init : { ...init, cause });
  }

  #rejected(
    operation: string,
    why: string,
    init: { code: string; effect: Effect; transient?: boolean; cause?: unknown },
  ): RedundancyFailure {
    const { name: integration } = this;
    return new RedundancyFailure(`${integration}.${operation}: ${why}`, {
      kind: "rejected",
      integration,
      operation,
      ...init,
    });
  }

  #lane(path: string, provider: string): ProviderLane {
    const lane = this.#lanes.get(provider);
    if (lane !== undefined) return lane;
    throw new RangeError(
      `${path}: there is no provider "${provider}"; there are ${[...this.#lanes.keys()].join(", ")}`,
    );
  }
}

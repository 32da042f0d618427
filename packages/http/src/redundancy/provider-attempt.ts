import {
  type CallContext,
  coreFailureCodes,
  type Effect,
  execute,
  Failure,
  verdictOf,
  worseEffect,
} from "@outrigger/core";
import { httpFailureCodes } from "../failure.ts";
import type { HttpResponse } from "../response.ts";
import type { Binding } from "./key-bindings.ts";
import { messageOf } from "./message-of.ts";
import { providerKey } from "./provider-key.ts";
import type { ProviderLane } from "./provider-lane.ts";
import type { RedundancyEvent } from "./redundancy-events.ts";
import { type ProviderAttempt, redundancyFailureCodes, type SettledAs } from "./redundancy-failure.ts";
import {
  type ProviderKeys,
  type ProviderRequest,
  type ReadThrough,
  readSettlement,
  type Settlement,
  type WriteThrough,
} from "./redundant-operation.ts";

/** One call as its caller sees it, through all providers that it reaches. */
export interface LogicalCall {
  readonly input: never;
  /** Base of the providers' keys; undefined for a read. */
  readonly key: string | undefined;
  readonly binding: Binding | undefined;
  /** In which order the providers are to be asked. */
  readonly order: readonly ProviderLane[];
  /** Providers that this call has been given to, by itself or by a hedge. */
  readonly claimed: Set<ProviderLane>;
  readonly tried: (ProviderAttempt & { readonly error: unknown })[];
}

export interface AttemptRules {
  readonly integration: string;
  readonly operation: string;
  readonly settleMs: number;
  readonly emit: ((event: RedundancyEvent) => void) | undefined;
}

type AnyThrough = ReadThrough<never, unknown> | WriteThrough<never, unknown>;

/**
 * One provider's part of a call: its own request under its own key, and, where a change may have taken effect, what
 * became of it. Nothing of another provider's request, answer or failure comes in here.
 *
 * @throws a Failure whose effect is what is known after settling.
 */
export async function attempt(
  lane: ProviderLane,
  through: AnyThrough,
  call: LogicalCall,
  context: CallContext,
  rules: AttemptRules,
): Promise<unknown> {
  const startedAtMs = context.clock.now();
  const { binding } = call;
  const left = binding?.left ?? "none";
  lane.began();
  // From here on nobody else may be asked under this key, until it is known that nothing happened.
  if (binding !== undefined) binding.provider = lane.name;
  const keys = call.key === undefined ? undefined : keysOf(call.key, lane.name, rules.operation);
  const end = (error: Failure | undefined, effect: Effect, settled?: SettledAs): void => {
    if (binding !== undefined) {
      binding.left = effect;
      if (effect === "none") binding.provider = undefined;
    }
    lane.ended(error?.kind ?? "answered");
    const { code, kind } = error ?? {};
    const durationMs = context.clock.now() - startedAtMs;
    call.tried.push({ provider: lane.name, code, kind, effect, settled, durationMs, error });
  };
  try {
    const value = await send(lane, through, call, keys, context, rules.settleMs);
    end(undefined, "done");
    return value;
  } catch (cause) {
    const error = asFailure(cause, keys === undefined, left, context);
    // What an earlier call with this key was told is done must not be cancelled under its feet.
    const open = error.effect !== "none" && error.kind !== "aborted" && left !== "done";
    const settle = open && "settle" in through ? through.settle : undefined;
    if (keys === undefined || settle === undefined) {
      end(error, error.effect);
      throw error;
    }
    const settlement = await settleCall(lane, settle, call, keys, error, context, rules);
    lane.counts.settled[settlement.status] += 1;
    if (settlement.status === "done") {
      end(undefined, "done", "done");
      return settlement.result;
    }
    const after = settlement.status === "unknown" ? error : withoutEffect(error, settlement.status);
    end(after, after.effect, settlement.status);
    throw after;
  }
}

async function send(
  lane: ProviderLane,
  through: AnyThrough,
  { input }: LogicalCall,
  keys: ProviderKeys | undefined,
  context: CallContext,
  settleMs: number,
): Promise<unknown> {
  const { leftMs, clock, signal } = context;
  const settles = keys !== undefined && "settle" in through && through.settle !== undefined;
  // Without an end of its own before the call's there would be no time left to find out what became of it.
  const keptMs = settles ? Math.min(settleMs, leftMs / 2) : 0;
  const deadlineAtMs = clock.now() + leftMs - keptMs;
  const request = mapped(lane, () => through.request(input, keys as never));
  const response = await lane.integration.request(through.operation, { ...request, signal, deadlineAtMs });
  try {
    return await through.answer(response, input, keys as never);
  } catch (cause) {
    if (Failure.is(cause)) throw cause;
    throw new Failure(`the answer of ${lane.name} could not be read`, {
      code: redundancyFailureCodes.answerInvalid,
      effect: keys === undefined ? "none" : "unknown",
      transient: false,
      cause,
    });
  }
}

/** Nothing has been sent when the mapping of the input fails. Why is in the cause: its words may quote the input. */
function mapped(lane: ProviderLane, request: () => ProviderRequest): ProviderRequest {
  try {
    return request();
  } catch (cause) {
    throw new Failure(`the request to ${lane.name} could not be made`, {
      code: httpFailureCodes.requestInvalid,
      effect: "none",
      kind: "rejected",
      transient: false,
      cause,
    });
  }
}

async function settleCall(
  lane: ProviderLane,
  settle: NonNullable<WriteThrough<never, unknown>["settle"]>,
  call: LogicalCall,
  keys: ProviderKeys,
  error: Failure,
  context: CallContext,
  { integration, operation, settleMs, emit }: AttemptRules,
): Promise<Settlement<unknown>> {
  const { clock, signal } = context;
  const startedAtMs = clock.now();
  const deadlineAtMs = Math.min(context.deadlineAtMs, startedAtMs + settleMs);
  const ask = async (_: undefined, within: CallContext): Promise<Settlement<unknown>> => {
    const request = (name: string, options: ProviderRequest = {}): Promise<HttpResponse> =>
      lane.integration.request(name, { ...options, signal: within.signal, deadlineAtMs });
    const settling = { ...keys, provider: lane.name, request, signal: within.signal };
    return readSettlement(await settle(call.input, settling));
  };
  let settlement: Settlement<unknown> = { status: "unknown" };
  try {
    settlement = await execute(ask, undefined, { clock, signal, deadlineAtMs });
  } catch {
    // An inquiry that fails says nothing about what it was to find out.
  }
  emit?.({
    type: "callSettled",
    integration,
    provider: lane.name,
    operation,
    code: error.code,
    settled: settlement.status,
    durationMs: clock.now() - startedAtMs,
  });
  return settlement;
}

function keysOf(key: string, provider: string, operation: string): ProviderKeys {
  return {
    key: providerKey(key, provider, operation, "call"),
    cancelKey: providerKey(key, provider, operation, "cancel"),
  };
}

/**
 * A provider's failure, with what follows from whose call it was: a read leaves nothing behind, and a change at least
 * what earlier calls with its key have left.
 */
function asFailure(cause: unknown, isRead: boolean, left: Effect, context: CallContext): Failure {
  const verdict = verdictOf(cause);
  const effect = isRead ? "none" : worseEffect(verdict.effect, left);
  // Our caller is still there: somebody else ended it, as by closing the provider's integration.
  const ended = verdict.kind === "aborted" && context.abortReason === undefined;
  if (Failure.is(cause) && !ended && effect === cause.effect) return cause;
  return new Failure(messageOf(cause), {
    code: Failure.is(cause) ? cause.code : coreFailureCodes.callFailed,
    effect,
    kind: ended ? "failed" : verdict.kind,
    transient: ended || verdict.transient,
    retryAfterMs: verdict.retryAfterMs,
    cause,
  });
}

function withoutEffect(error: Failure, status: "notThere" | "cancelled"): Failure {
  const { code, kind, transient, retryAfterMs } = error;
  const found = status === "cancelled" ? "and was cancelled" : "and nothing is there";
  return new Failure(`${error.message}; ${found}`, {
    code,
    effect: "none",
    kind,
    transient,
    retryAfterMs,
    cause: error,
  });
}

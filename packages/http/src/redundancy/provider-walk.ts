import { type Call, type CallContext, Failure, failover, type LoadBudget, rejection } from "@outrigger/core";
import { type AttemptRules, attempt, type LogicalCall } from "./provider-attempt.ts";
import type { ProviderLane } from "./provider-lane.ts";
import type { RedundancyEvent } from "./redundancy-events.ts";
import { type RedundantOperation, throughOf } from "./redundant-operation.ts";

/**
 * From one provider to the next, for as long as that is safe, by the rules of core's failover.
 *
 * Each provider is asked once for a logical call, however many hedges walk along at the same time.
 */
export function providerWalk(
  operation: RedundantOperation,
  { budget, ...rules }: AttemptRules & { readonly budget: LoadBudget },
): Call<LogicalCall, unknown> {
  const { emit } = rules;
  const listener = emit && {
    onEvent(event: RedundancyEvent): void {
      // Two walks of one call met at the same provider: nothing has failed.
      const met = "error" in event && Failure.is(event.error) && event.error.code === skippedCode;
      if (!met) emit(event);
    },
  };
  const name = `${rules.integration}.${rules.operation}`;
  const options = { name, ...listener, budget, acceptUnknown: operation.kind === "read" };
  /** The same few orders come again and again, and making a failover costs as much as the rest of the walk. */
  const walks = new Map<string, Call<LogicalCall, unknown>>();
  const walkAlong = (order: readonly ProviderLane[]): Call<LogicalCall, unknown> => {
    const names = order.map((lane) => lane.name).join("\n");
    const known = walks.get(names);
    if (known !== undefined) return known;
    const made = failover(
      order.map((lane) => ({
        name: lane.name,
        call: (call: LogicalCall, part: CallContext): Promise<unknown> => {
          if (call.claimed.has(lane)) return Promise.reject(skipped(`${lane.name} has been asked already`));
          if (lane.draining) return Promise.reject(skipped(`${lane.name} is drained`));
          call.claimed.add(lane);
          return attempt(lane, throughOf(operation, lane.name), call, part, rules);
        },
      })),
      options,
    );
    if (walks.size < maxKnownOrders) walks.set(names, made);
    return made;
  };
  return (call, context) => {
    const left = call.order.filter((lane) => !call.claimed.has(lane));
    if (left.length === 0) return Promise.reject(skipped("nobody else is left to ask"));
    return walkAlong(left)(call, context);
  };
}

/** All orders of four providers, and of what is left of them for a hedge. */
const maxKnownOrders = 64;

const skippedCode = "PROVIDER_SKIPPED";

/** This walk passes the provider by; nothing was sent, and the budget gets its room back. */
function skipped(why: string): Failure {
  return rejection(() => why, { code: skippedCode });
}

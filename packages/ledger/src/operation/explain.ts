import type { CheckedDefinition, CheckedProvider } from "./checked-definition.ts";
import { words } from "./guarantee.ts";

/** What is declared, what follows from it, and what happens in each case: text for people. */
export function explain<Tx, I, R>(definition: CheckedDefinition<Tx, I, R>): string {
  const { name, guarantee, providers, leaseMs, manualAfterMs } = definition;
  const bound = guarantee.boundMs === undefined ? "" : ` within ${words(guarantee.boundMs)}`;
  return [
    `${name}: ${guarantee.level}${bound}`,
    `  ${guarantee.reason}`,
    ...[...providers.values()].flatMap(capabilityLines),
    "what happens",
    `  a process dies: after ${words(leaseMs)} any other takes it as unknown`,
    `  an unknown outcome: ${definition.first === "cancel" ? "cancelled at once, without asking" : "asked for"}`,
    `  it is found: ${definition.onFound === "cancel" ? "cancelled" : "committed; cancelled when the commit is rejected"}`,
    `  it is not found for ${words(definition.notFoundAfterMs)}: ${notFoundText[definition.onNotFound]}`,
    `  somebody cancels before the commit: never sent, or undone where the provider can; after it: undone where the provider can, else refused`,
    `  nothing helps for ${words(manualAfterMs)}: MANUAL, for a person`,
  ].join("\n");
}

const notFoundText = {
  cancel: "cancelled, which also stops an original that is late",
  resend: "sent again with the same key, within its window",
  fail: "abandoned once nothing can be in flight, after a cancel where there is one",
  manual: "asked again",
} as const;

function capabilityLines<I, R>(provider: CheckedProvider<I, R>): readonly string[] {
  const { name, keyWindowMs, keyScope, maxInFlightMs, statementDelayMs, consistencyDelayMs } = provider;
  const delay = consistencyDelayMs > 0 ? `, up to ${words(consistencyDelayMs)} late` : "";
  return [
    `provider ${name}: ${provider.guarantee.level}`,
    `  key: ${keyWindowMs === undefined ? "not honoured" : `for ${words(keyWindowMs)}, per ${keyScope}`}`,
    `  inquiry: ${provider.canInquire ? `yes${delay}` : "no"}`,
    `  cancel: ${provider.canCancel ? (provider.cancelBlocksLateOriginal ? "yes, and it stops a late original" : "yes; a late original would stand") : "no"}`,
    `  in flight: ${maxInFlightMs === undefined ? "unbounded" : `at most ${words(maxInFlightMs)}`}`,
    `  statements: ${statementDelayMs === undefined ? "none" : `after ${words(statementDelayMs)}`}`,
  ];
}

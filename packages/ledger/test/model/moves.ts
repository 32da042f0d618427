import {
  type EvidenceKind,
  intentAfter,
  type OperationFacts,
  type ProviderFacts,
  type Transition,
} from "../../src/state/transitions.ts";
import type { Rules } from "./rules.ts";
import type { Row, World } from "./world.ts";

export function factsOf(rules: Rules): ProviderFacts {
  const { canInquire, canCancel, declaresBlocking } = rules;
  return { canInquire, canCancel, cancelBlocksLateOriginal: declaresBlocking };
}

/** Whether the declared longest time in flight may have passed. Time has one order: in flight is nothing then. */
export function mayBeOver(world: World, rules: Rules): boolean {
  return (
    rules.maxInFlight !== "undeclared" &&
    world.flights.length === 0 &&
    (rules.maxInFlight === "ofNetwork" || world.workers.every(({ at }) => at !== "sending"))
  );
}

export function* factChoices(
  seen: Row,
  rules: Rules,
  world: World,
  evidence: EvidenceKind,
  refused: boolean,
  over: boolean,
): Generator<OperationFacts> {
  const times = [
    { quietEnded: false, inFlightEnded: false },
    { quietEnded: true, inFlightEnded: false },
    ...(over ? [{ quietEnded: true, inFlightEnded: true }] : []),
  ];
  for (const time of evidence === "notFound" ? times : times.slice(0, 1)) {
    for (const isRefused of evidence === "noEffect" ? [true, false] : [refused]) {
      for (const overdue of rules.overdue ? [true, false] : [false]) {
        yield {
          ...time,
          state: seen.state,
          intent: seen.intent,
          inDoubt: seen.inDoubt,
          refused: isRefused,
          resendRefused: seen.resendRefused,
          cancelWanted: seen.cancelWanted,
          abandoned: seen.abandoned,
          personOnly: seen.personOnly,
          anotherProvider: seen.provider + 1 < rules.providers,
          // The bound on sends stands for the end of the key's window.
          keyOpen: world.sends < rules.sends,
          overdue,
          onNotFound: rules.onNotFound,
          onFound: rules.onFound,
          first: rules.first,
        };
      }
    }
  }
}

/** As `moveFor` does. */
export function rowAfter(
  seen: Row,
  fence: number,
  move: Transition,
  evidence: EvidenceKind,
  refused: boolean,
): Row {
  return {
    state: move.to,
    intent: intentAfter(seen.intent, move.to),
    fence,
    inDoubt: seen.inDoubt || move.to === "UNKNOWN",
    resendRefused: seen.resendRefused || (seen.inDoubt && refused),
    cancelWanted: seen.cancelWanted,
    abandoned:
      move.business === undefined
        ? seen.abandoned || move.from === "FAILED" || move.from === "CANCELLED"
        : move.business === "abandon",
    personOnly:
      move.to === "MANUAL" && (seen.personOnly || evidence === "strayEffect" || evidence === "contradicted"),
    provider: seen.provider + (move.nextProvider ? 1 : 0),
  };
}

export function orderAfter(world: World, seen: Row, { business }: Transition, rules: Rules): World["order"] {
  if (business === undefined || (business === "abandon" && seen.abandoned)) return world.order;
  if (rules.keepsPaid === true && business === "abandon" && world.order === "paid") return "paid";
  return business === "commit" ? "paid" : "void";
}

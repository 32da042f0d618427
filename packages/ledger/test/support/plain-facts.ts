import type { OperationFacts } from "../../src/state/transitions.ts";

/** An operation of which nothing special is known. */
export const plainFacts: Omit<OperationFacts, "state"> = {
  intent: "EXECUTE",
  inDoubt: false,
  refused: false,
  resendRefused: false,
  cancelWanted: false,
  abandoned: false,
  personOnly: false,
  anotherProvider: false,
  quietEnded: false,
  inFlightEnded: false,
  keyOpen: false,
  overdue: false,
  onNotFound: "manual",
  onFound: "complete",
  first: "inquire",
};

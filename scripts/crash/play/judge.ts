import type { GuaranteeLevel } from "@outrigger/ledger";
import type { JournalLine } from "./provider.ts";

/** All that a judge gets to see: what the providers did, what the shop's own table says, and what people are shown. */
export interface Seen {
  readonly promised: GuaranteeLevel;
  /** Of one order, at all providers, in the order in which it happened. */
  readonly journal: readonly JournalLine[];
  /** The business row; undefined when there is none. */
  readonly order: string | undefined;
  /** Whether the operation is in the list that people work through. */
  readonly withPerson: boolean;
  /** The provider refuses what it declares to do, so that a person may be needed under any guarantee. */
  readonly providerRefuses: boolean;
}

/** @returns what of the promise was not kept; empty when all was. */
export function judge({ promised, journal, order, withPerson, providerRefuses }: Seen): readonly string[] {
  const wrong: string[] = [];
  let standing = 0;
  let most = 0;
  for (const { kind } of journal) {
    standing += kind === "charge" ? 1 : -1;
    most = Math.max(most, standing);
  }
  if (most > 1) wrong.push(`${most} effects stood at the same time`);
  if (promised === "none") return wrong;
  if (order === "pending") {
    if (!withPerson) wrong.push("the order is pending, and nobody is shown it");
    else if (promised === "exactly-once-effect" && !providerRefuses) {
      wrong.push("a person is needed although the provider answers");
    }
    return wrong;
  }
  const taken = order === "paid";
  if (taken === (standing === 1)) return wrong;
  // What is only detected may differ, as long as somebody sees it.
  if (promised === "detect-only" && withPerson) return wrong;
  wrong.push(`${standing} effects stand at the end, and the order is ${order ?? "not there"}`);
  return wrong;
}

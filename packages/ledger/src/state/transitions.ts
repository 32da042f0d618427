/**
 * Where an operation can be.
 *
 * - `READY`: stored, and certainly not sent yet.
 * - `SENDING`: about to be sent, being sent, or sent; with its lease over it is read as `UNKNOWN`.
 * - `UNKNOWN`: may have taken effect; the resolver finds out.
 * - `CANCELLING`: will be undone, come what may; there is no way back.
 * - `DONE`, `FAILED`, `CANCELLED`: settled, with the business row in the same commit.
 * - `MANUAL`: a person has to look; visible, never silent. Not settled: nobody knows yet how it ends.
 */
export const operationStates = [
  "READY",
  "SENDING",
  "UNKNOWN",
  "CANCELLING",
  "DONE",
  "FAILED",
  "CANCELLED",
  "MANUAL",
] as const;
export type OperationState = (typeof operationStates)[number];

export type SettledState = "DONE" | "FAILED" | "CANCELLED";
/** Both sides agree, and the business row says how it ended. */
export const settledStates: readonly SettledState[] = ["DONE", "FAILED", "CANCELLED"];

export type DueState = "READY" | "SENDING" | "UNKNOWN" | "CANCELLING";
/** A worker takes it further by itself; such a row has the time at which it is due. */
export const dueStates: readonly DueState[] = ["READY", "SENDING", "UNKNOWN", "CANCELLING"];

export type OpenState = DueState | "MANUAL";
/** Not settled: everything that a worker or a person still has to end. */
export const openStates: readonly OpenState[] = [...dueStates, "MANUAL"];

/** What was wanted of the other side in the end. Goes from EXECUTE to CANCEL, never back. */
export type Intent = "EXECUTE" | "CANCEL";

/**
 * What was learnt about an operation.
 *
 * - `claimed`: a worker took the row over, because its time had come or its last worker's lease was over.
 * - `succeeded`: the call answered with success, or the inquiry found its effect.
 * - `noEffect`: the call certainly had no effect. `unclear`: it may have had one.
 * - `refused`: the inquiry says that the other side refused it for good.
 * - `notFound`: the inquiry knows nothing of it *yet*. Not a proof of anything.
 * - `inProgress`: the inquiry says that the other side still works on it.
 * - `inquiryFailed`: no answer from the inquiry.
 * - `commitRejected`, `abandonRejected`: the user's transaction cannot take the outcome.
 * - `cancelled`, `cancelFailed`, `cancelRefused`: the cancel was answered, was not, or will never succeed.
 * - `cancelRequested`: somebody wants it undone, also after its commit. It is kept on the row, and decides from then on.
 * - `lateArrival`: its effect appeared after it had been settled as none.
 * - `contradicted`: it was committed, and the other side says that there is no such effect.
 * - `strayEffect`: a provider that it was not with any more says that it took effect there.
 * - `operatorRetry`, `operatorCommitted`, `operatorAbandoned`: a person puts it back to work, or says how it ended.
 */
export const evidenceKinds = [
  "claimed",
  "succeeded",
  "noEffect",
  "unclear",
  "refused",
  "notFound",
  "inProgress",
  "inquiryFailed",
  "commitRejected",
  "abandonRejected",
  "cancelled",
  "cancelFailed",
  "cancelRefused",
  "cancelRequested",
  "lateArrival",
  "contradicted",
  "strayEffect",
  "operatorRetry",
  "operatorCommitted",
  "operatorAbandoned",
] as const;
export type EvidenceKind = (typeof evidenceKinds)[number];

/** What to do about an operation that the inquiry does not find. */
export type NotFoundPolicy = "cancel" | "resend" | "fail" | "manual";
/** What to do about an effect that is found after its outcome had been unknown. */
export type FoundPolicy = "complete" | "cancel";
/** What to do first about an unknown outcome. */
export type UnknownFirst = "inquire" | "cancel";

/** What of an operation counts for a decision. Times have become yes or no before they get here. */
export interface OperationFacts {
  readonly state: OperationState;
  readonly intent: Intent;
  /** Whether an earlier send of this operation to the same provider may still take effect. */
  readonly inDoubt: boolean;
  /** Whether what was just learnt is a final "no" (kind `refused`), and not an outage. */
  readonly refused: boolean;
  /** Whether a second send was refused for good: a third one would be too. */
  readonly resendRefused: boolean;
  /** Whether somebody asked for it to be undone. */
  readonly cancelWanted: boolean;
  /** Whether the business row has been voided, so that an effect can no longer be taken. */
  readonly abandoned: boolean;
  /** Whether only a person may take it out of MANUAL: more than one effect may stand. */
  readonly personOnly: boolean;
  /** Whether another provider is left to ask. */
  readonly anotherProvider: boolean;
  /** Whether so much time has passed since the last send that "not found" may be acted upon. */
  readonly quietEnded: boolean;
  /** Whether the declared longest time in flight has passed since the last moment at which it may have been sent. */
  readonly inFlightEnded: boolean;
  /** Whether a send that starts now ends before the provider forgets the key. False without a key window. */
  readonly keyOpen: boolean;
  /** Whether it has been unsettled for so long that a person has to know. */
  readonly overdue: boolean;
  readonly onNotFound: NotFoundPolicy;
  readonly onFound: FoundPolicy;
  readonly first: UnknownFirst;
}

/** What the provider can do, as far as a decision needs it. */
export interface ProviderFacts {
  readonly canInquire: boolean;
  readonly canCancel: boolean;
  /** Whether a cancel also stops an original that arrives after it. */
  readonly cancelBlocksLateOriginal: boolean;
}

/** What the same commit has to do to the business row. */
export type BusinessStep = "commit" | "abandon";

type Guard = (facts: OperationFacts, provider: ProviderFacts) => boolean;

type GuardName =
  | "inDoubt"
  | "refusedResend"
  | "cancelIntended"
  | "cancelWanted"
  | "undoWanted"
  | "undoFound"
  | "abandoned"
  | "personOnly"
  | "anotherProvider"
  | "canInquire"
  | "canCancel"
  | "cancelAtOnce"
  | "mayCancel"
  | "mayResend"
  | "surelyGone, canCancel"
  | "surelyGone"
  | "overdue";

/** "Not found" is a proof once nothing can be under way any more, and is taken as one where that is the policy. */
const surelyGone = (facts: OperationFacts): boolean =>
  facts.inFlightEnded && (facts.onNotFound === "fail" || facts.cancelWanted || facts.abandoned);

const guards: Readonly<Record<GuardName, Guard>> = {
  inDoubt: (facts) => facts.inDoubt,
  refusedResend: (facts, provider) => facts.inDoubt && facts.refused && provider.cancelBlocksLateOriginal,
  cancelIntended: (facts) => facts.intent === "CANCEL",
  cancelWanted: (facts) => facts.cancelWanted,
  undoWanted: (facts, provider) => facts.cancelWanted && provider.canCancel,
  undoFound: (facts, provider) =>
    (facts.cancelWanted || facts.abandoned || facts.onFound === "cancel") && provider.canCancel,
  abandoned: (facts) => facts.abandoned,
  personOnly: (facts) => facts.personOnly || facts.intent === "CANCEL",
  // Whoever takes an order back does not want it sent elsewhere.
  anotherProvider: (facts) => facts.anotherProvider && !facts.cancelWanted,
  canInquire: (_, provider) => provider.canInquire,
  canCancel: (_, provider) => provider.canCancel,
  cancelAtOnce: (facts, provider) =>
    (facts.cancelWanted || facts.first === "cancel") && provider.cancelBlocksLateOriginal,
  mayCancel: (facts, provider) =>
    facts.quietEnded && facts.onNotFound !== "manual" && provider.cancelBlocksLateOriginal,
  // Once it is overdue sending has been tried for long enough.
  mayResend: (facts) =>
    facts.quietEnded &&
    facts.onNotFound === "resend" &&
    facts.keyOpen &&
    !facts.overdue &&
    !facts.resendRefused &&
    !facts.cancelWanted &&
    !facts.abandoned,
  "surelyGone, canCancel": (facts, provider) => surelyGone(facts) && provider.canCancel,
  // Where nobody can be asked, not having found it says nothing.
  surelyGone: (facts, provider) => surelyGone(facts) && provider.canInquire,
  overdue: (facts) => facts.overdue,
};

/** One line of the table: the first whose guard holds is taken. */
export interface Rule {
  readonly when?: GuardName;
  readonly to: OperationState;
  readonly business?: BusinessStep;
  /** Set where the move goes to the next provider. */
  readonly nextProvider?: true;
}

const commitOrCancel: readonly Rule[] = [{ when: "canCancel", to: "CANCELLING" }, { to: "MANUAL" }];
const toPerson: readonly Rule[] = [{ to: "MANUAL" }];
/** An effect that is found late is taken, unless it is not wanted any more. */
const found: readonly Rule[] = [
  { when: "undoFound", to: "CANCELLING" },
  { when: "abandoned", to: "MANUAL" },
  { to: "DONE", business: "commit" },
];

/** Every move an operation can make. A pair that is absent is impossible. */
export const operationTable: Readonly<
  Record<OperationState, Readonly<Partial<Record<EvidenceKind, readonly Rule[]>>>>
> = {
  READY: {
    claimed: [{ when: "cancelWanted", to: "CANCELLED", business: "abandon" }, { to: "SENDING" }],
    // Nobody of ours has sent it; whoever did used its key.
    succeeded: [{ to: "UNKNOWN" }],
    abandonRejected: [{ when: "overdue", to: "MANUAL" }, { to: "READY" }],
    cancelRequested: [{ to: "READY" }],
    strayEffect: toPerson,
  },
  SENDING: {
    // Whoever held the row may have sent it: an ended lease is never read as "not sent".
    claimed: [{ to: "UNKNOWN" }],
    succeeded: [
      { when: "undoWanted", to: "CANCELLING" },
      { to: "DONE", business: "commit" },
    ],
    noEffect: [
      // "No effect" speaks of the last send only; an earlier one may still arrive, unless a cancel stops it.
      { when: "refusedResend", to: "CANCELLING" },
      { when: "inDoubt", to: "UNKNOWN" },
      { when: "anotherProvider", to: "SENDING", nextProvider: true },
      { to: "FAILED", business: "abandon" },
    ],
    unclear: [{ when: "cancelAtOnce", to: "CANCELLING" }, { to: "UNKNOWN" }],
    commitRejected: commitOrCancel,
    abandonRejected: [{ to: "UNKNOWN" }],
    cancelRequested: [{ to: "SENDING" }],
    strayEffect: toPerson,
  },
  UNKNOWN: {
    claimed: [{ when: "cancelAtOnce", to: "CANCELLING" }, { to: "UNKNOWN" }],
    succeeded: found,
    refused: [{ to: "FAILED", business: "abandon" }],
    notFound: [
      { when: "cancelAtOnce", to: "CANCELLING" },
      { when: "mayResend", to: "SENDING" },
      { when: "mayCancel", to: "CANCELLING" },
      { when: "surelyGone, canCancel", to: "CANCELLING" },
      { when: "surelyGone", to: "FAILED", business: "abandon" },
      { when: "overdue", to: "MANUAL" },
      { to: "UNKNOWN" },
    ],
    inProgress: [
      { when: "cancelAtOnce", to: "CANCELLING" },
      { when: "overdue", to: "MANUAL" },
      { to: "UNKNOWN" },
    ],
    inquiryFailed: [
      { when: "cancelAtOnce", to: "CANCELLING" },
      { when: "overdue", to: "MANUAL" },
      { to: "UNKNOWN" },
    ],
    commitRejected: commitOrCancel,
    abandonRejected: [{ when: "overdue", to: "MANUAL" }, { to: "UNKNOWN" }],
    cancelRequested: [{ to: "UNKNOWN" }],
    strayEffect: toPerson,
    operatorRetry: [{ to: "UNKNOWN" }],
  },
  CANCELLING: {
    claimed: [{ to: "CANCELLING" }],
    // One-way: somebody's cancel may be under way, so a success learnt now changes nothing.
    succeeded: [{ to: "CANCELLING" }],
    cancelled: [{ to: "CANCELLED", business: "abandon" }],
    cancelFailed: [{ when: "overdue", to: "MANUAL" }, { to: "CANCELLING" }],
    cancelRefused: toPerson,
    abandonRejected: [{ when: "overdue", to: "MANUAL" }, { to: "CANCELLING" }],
    cancelRequested: [{ to: "CANCELLING" }],
    strayEffect: toPerson,
    operatorRetry: [{ to: "CANCELLING" }],
  },
  DONE: {
    contradicted: toPerson,
    // Where there is no cancel, only an operation of its own undoes it: the request is refused.
    cancelRequested: [{ when: "canCancel", to: "CANCELLING" }, { to: "DONE" }],
    strayEffect: toPerson,
  },
  // What arrives late may be old news: where the other side can be asked, it is asked before anything is undone.
  FAILED: {
    lateArrival: [
      { when: "canInquire", to: "UNKNOWN" },
      { when: "canCancel", to: "CANCELLING" },
      { to: "MANUAL" },
    ],
    strayEffect: toPerson,
  },
  CANCELLED: { lateArrival: commitOrCancel, strayEffect: toPerson },
  MANUAL: {
    succeeded: [{ when: "personOnly", to: "MANUAL" }, ...found],
    refused: [
      { when: "personOnly", to: "MANUAL" },
      { to: "FAILED", business: "abandon" },
    ],
    commitRejected: commitOrCancel,
    abandonRejected: toPerson,
    cancelRequested: [{ when: "cancelIntended", to: "CANCELLING" }, { to: "UNKNOWN" }],
    strayEffect: toPerson,
    operatorRetry: [{ when: "cancelIntended", to: "CANCELLING" }, { to: "UNKNOWN" }],
    operatorCommitted: [{ to: "DONE", business: "commit" }],
    operatorAbandoned: [
      { when: "cancelIntended", to: "CANCELLED", business: "abandon" },
      { to: "FAILED", business: "abandon" },
    ],
  },
};

export interface Transition {
  readonly from: OperationState;
  readonly to: OperationState;
  readonly business: BusinessStep | undefined;
  readonly nextProvider: boolean;
}

/** States in which the other side is to be, or has been, undone. */
const cancelling: ReadonlySet<OperationState> = new Set(["CANCELLING", "CANCELLED"]);

/** The intent that goes with a move; it never returns from CANCEL. */
export function intentAfter(intent: Intent, to: OperationState): Intent {
  return intent === "CANCEL" || cancelling.has(to) ? "CANCEL" : "EXECUTE";
}

/**
 * The one place that says what an operation does next. Pure; the runtime, the docs and the model test share it.
 *
 * @throws Error for a pair that the table does not have, which is a mistake in this package.
 */
export function decide(facts: OperationFacts, evidence: EvidenceKind, provider: ProviderFacts): Transition {
  const rules = operationTable[facts.state][evidence];
  const rule = rules?.find((each) => each.when === undefined || guards[each.when](facts, provider));
  if (rule === undefined) throw new Error(`an operation in ${facts.state} cannot take "${evidence}"`);
  return {
    from: facts.state,
    to: rule.to,
    business: rule.business,
    nextProvider: rule.nextProvider ?? false,
  };
}

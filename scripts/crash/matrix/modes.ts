import type { Declared } from "./definitions.ts";

/** How a provider, the way to it, and the business row behave. What is left out goes well. */
export interface Behaviour {
  readonly charge?: "declined" | "late";
  /** So many requests are turned away, certainly without effect. */
  readonly chargesBusy?: number;
  /** Requests that are lost on the way, before the others arrive. */
  readonly chargesLost?: number;
  /** For `late`: how long after the request it is applied, whoever still waits. */
  readonly appliedAfterMs?: number;
  /** The answers to so many charges that were applied are lost. */
  readonly answersLost?: number;
  /** Answered when nobody waits for it any more: so long after the longest that a call may take. */
  readonly answeredLateMs?: number;
  /** Applied so long after the first cancel of it was answered, or an inquiry that did not find it; see {@link waitsAtMostMs}. */
  readonly appliedAfter?: "cancel" | "inquiry";
  /** The request arrives a second time, so long after the first. */
  readonly againAfterMs?: number;
  /** A webhook tells of the charge before its answer does, and twice. */
  readonly webhookFirst?: boolean;
  readonly inquiriesFailing?: number;
  /** How long an effect is missing from the inquiry. */
  readonly inquiryLagMs?: number;
  readonly cancelAnswersLost?: number;
  /** Settled already: a cancel is refused for good. */
  readonly cancelRefused?: boolean;
  /** The business row cannot take the payment. */
  readonly commitRejected?: boolean;
}

/** What waits for something to happen first is applied all the same after this. */
export const waitsAtMostMs = 4_000;
/** Long after the caller has gone, and within each declared time in flight. */
const lateMs = 700;
/** Within the declared consistency delay. */
const lagMs = 250;

/** More than a process makes before another one takes over; that it ends some time is not the matter here. */
const answersLost = 2;

const modes = {
  ok: {},
  declined: { charge: "declined" },
  unavailable: { chargesBusy: 3 },
  "never-arrives": { chargesLost: 2 },
  "answer-lost": { answersLost },
  "answer-late": { answeredLateMs: 300 },
  "applied-late": { charge: "late", appliedAfterMs: lateMs, answersLost },
  "applied-after-cancel": { charge: "late", appliedAfter: "cancel", answersLost },
  "applied-after-inquiry": { charge: "late", appliedAfter: "inquiry", answersLost },
  "delivered-twice": { answersLost, againAfterMs: lateMs },
  "webhook-first": { webhookFirst: true },
  "inquiry-fails": { answersLost, inquiriesFailing: 2 },
  "inquiry-lags": { answersLost, inquiryLagMs: lagMs },
  "cancel-answer-lost": { commitRejected: true, cancelAnswersLost: 2 },
  "cancel-refused": { commitRejected: true, cancelRefused: true },
  "commit-rejected": { commitRejected: true, answersLost },
} as const satisfies Readonly<Record<string, Behaviour>>;

export type ModeName = keyof typeof modes;
export const modeNames = Object.keys(modes) as readonly ModeName[];
export const behaviourIn = (name: ModeName): Behaviour => modes[name];

/** Whether the mode can show itself at all. */
export function concerns(mode: ModeName, { inquires, cancels, maxInFlight }: Declared): boolean {
  const { appliedAfter } = behaviourIn(mode);
  // What is declared of the time in flight is true here.
  if (appliedAfter !== undefined && maxInFlight !== undefined) return false;
  if (appliedAfter === "inquiry") return inquires;
  if (appliedAfter === "cancel") return cancels === "blocksLate";
  const { inquiriesFailing, inquiryLagMs, cancelAnswersLost, cancelRefused } = behaviourIn(mode);
  if (inquiriesFailing !== undefined || inquiryLagMs !== undefined) return inquires;
  return (cancelAnswersLost === undefined && cancelRefused === undefined) || cancels !== "never";
}

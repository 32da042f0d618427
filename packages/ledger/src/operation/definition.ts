import type { Duration, FailureKind } from "@outrigger/core";
import type { FoundPolicy, NotFoundPolicy, UnknownFirst } from "../state/transitions.ts";
import type { BusinessWrite } from "./business-write.ts";

/** What a call to a provider is told. */
export interface CallInfo {
  /** The operation's idempotency key: the same for every attempt, for ever. */
  readonly key: string;
  /** The key for cancelling what `key` did. */
  readonly cancelKey: string;
  /** The provider's name in the definition. */
  readonly provider: string;
  /** Aborts when nothing more may be sent: the deadline, the caller's own signal, or a shutdown. */
  readonly signal: AbortSignal;
  /** Counts the sends of this operation, the first as 1. */
  readonly attempt: number;
  /** An instant on the ledger's clock, before the lease ends. */
  readonly deadlineAtMs: number;
}

/** What an inquiry learnt. `notFound` is taken as "not yet": the original may still be on its way. */
export type Inquiry<R> =
  | { readonly status: "found"; readonly result: R }
  | { readonly status: "notFound" }
  | { readonly status: "inProgress" }
  | { readonly status: "refused"; readonly code?: string; readonly message?: string };

/** What a provider promises. A promise that does not hold costs money, so nothing is assumed. */
export interface Capabilities {
  /** For how long the provider answers the same key without acting twice. */
  readonly idempotencyKey?:
    | {
        readonly window: Duration;
        /**
         * Whether the provider keeps keys apart by what is asked for, or has one list for the whole account. With
         * `"account"` the key that is sent begins with the operation's name, so that a payment and its refund with the
         * same key do not meet. @defaultValue "operation"
         */
        readonly scope?: "operation" | "account";
      }
    | false;
  readonly inquiry?: {
    /** How long after a call its effect may still be missing from the inquiry. @defaultValue "0ms" */
    readonly consistencyDelay?: Duration;
  };
  readonly cancel?: {
    /** Whether a cancel of an unknown key also stops an original that arrives after it. */
    readonly blocksLateOriginal: boolean;
  };
  /**
   * The longest time for which a request that was sent may still take effect, in queues and proxies too. After it "not
   * found" is a proof, for as long as this is true.
   */
  readonly maxInFlight?: Duration;
  /** A list or settlement file that shows every effect, and how long after it. */
  readonly statements?: { readonly delay: Duration };
}

/** One provider's functions. They may run in another process than the one that started the operation. */
export interface ProviderDefinition<I, R> {
  /**
   * Asks for the effect. Returning means that it took place; a core `Failure` with `effect: "none"` that it
   * did not; any other error that nobody knows.
   */
  call(input: I, info: CallInfo): Promise<R>;
  /** Asks what became of the call with this key. */
  inquire?(input: I, info: CallInfo): Promise<Inquiry<R>>;
  /**
   * Undoes the call with this key. Returning means that it is undone, also if there was nothing to undo. A
   * `Failure` of kind `refused` with `effect: "none"` means that it can never be undone this way; other errors are
   * tried again.
   */
  cancel?(input: I, info: CallInfo & { readonly result: R | undefined }): Promise<unknown>;
  readonly capabilities?: Capabilities;
}

/** Why an operation was abandoned, as plain data that is also stored. */
export interface AbandonedFailure {
  readonly code: string;
  readonly message: string;
  readonly kind: FailureKind;
  /** Nothing has, or will have, taken effect when an operation is abandoned. */
  readonly effect: "none";
  /** Milliseconds. */
  readonly retryAfterMs?: number;
}

export interface UnknownPolicy {
  /**
   * What to do about an unknown outcome first: ask, or cancel at once without asking (a net cancel), which needs a
   * cancel that blocks a late original. @defaultValue "inquire"
   */
  readonly first?: UnknownFirst;
  /** What to do with an effect that is found: take it, or undo it. @defaultValue "complete" */
  readonly onFound?: FoundPolicy;
  /**
   * What to do once "not found" may be acted upon.
   *
   * - `"cancel"`: needs a cancel that blocks a late original.
   * - `"resend"`: the same key again, within its window. It waits as asking does, until `manualAfter`; one that is
   *   refused for good is not sent a third time, and is cancelled where the cancel blocks a late original.
   * - `"fail"`: after `maxInFlight`, which the provider must declare, it is cancelled where there is a cancel, and
   *   abandoned.
   * - `"manual"`: asked for until `manualAfter`, then a person's.
   *
   * @defaultValue `"cancel"` when every provider's cancel blocks a late original, else `"manual"`
   */
  readonly onNotFound?: NotFoundPolicy;
  /** How long after a send "not found" is only taken as "not yet". @defaultValue "10s" */
  readonly notFoundAfter?: Duration;
  /** The wait after a first unanswered inquiry or cancel; it doubles, with jitter. @defaultValue "500ms" */
  readonly retryFirst?: Duration;
  /** @defaultValue "30s" */
  readonly retryMax?: Duration;
  /** When a person is told, at the earliest after five tries. @defaultValue "1h" */
  readonly manualAfter?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `first`, `onFound`: the customer wanted it, and mostly it took effect.
 * - `notFoundAfter` 10 s: a charge that was accepted shows up within seconds. It counts from the send, so that a call
 *   that ran into its timeout adds no wait.
 * - `retryFirst` 500 ms: a customer is waiting, and a lost answer is usually found by the first question.
 * - `retryMax` 30 s: an outage of an hour costs some 120 questions an order, and its end is noticed within that time.
 * - `manualAfter` 1 h: most outages of a provider are over by then, and a person could not have done more before.
 */
export const unknownDefaults: Required<Omit<UnknownPolicy, "onNotFound">> = {
  first: "inquire",
  onFound: "complete",
  notFoundAfter: "10s",
  retryFirst: "500ms",
  retryMax: "30s",
  manualAfter: "1h",
};

/** Money, exact: see `exactAmount`. */
export interface Amount {
  /** `"10.50"`, in the currency's own unit. */
  readonly value: string | number | bigint;
  /** Three letters, such as `"EUR"`. */
  readonly currency: string;
}

/** One operation's outcome, for a function that writes many. */
export interface CommittedItem<I, R> {
  readonly input: I;
  readonly result: R;
  readonly provider: string;
  readonly key: string;
}

/** By functions, or by one statement each: see {@link BusinessWrite}. */
export interface ManyWrites<Tx, I, R> {
  readonly prepare: BusinessWrite<Tx, [inputs: readonly I[]]>;
  /** @throws when one of them cannot be taken: all are then taken one by one. */
  readonly commit: BusinessWrite<Tx, [items: readonly CommittedItem<I, R>[]]>;
}

interface Common<Tx, I, R> {
  /**
   * Stores the business row in the transaction that makes the operation durable, before anything is sent: a function of
   * the transaction and the input, or `{ statement }` with one of the input, see {@link BusinessWrite}.
   */
  readonly prepare: BusinessWrite<Tx, [input: I]>;
  /** Completes the business row. What it throws for good leads to the cancel. */
  readonly commit: BusinessWrite<
    Tx,
    [input: I, result: R, info: { readonly provider: string; readonly key: string }]
  >;
  /**
   * Voids the business row. It may follow `commit`: a committed operation can be cancelled where the provider has a
   * cancel. So it has to void a row that is complete too, and give back what `commit` took.
   */
  readonly abandon: BusinessWrite<Tx, [input: I, why: AbandonedFailure]>;
  /**
   * The same for many operations at once. With them the writes of concurrent callers share statements and
   * commits: each still is durable with its own business row before its caller goes on, and one who is alone waits for
   * nobody. When one of them is refused, each is written by itself, as said above.
   */
  readonly many?: ManyWrites<Tx, I, R>;
  /**
   * What it moves. Asked when somebody looks, for alarms that tell how much money is at risk; it is stored nowhere, and
   * decides nothing.
   */
  amount?(input: I): Amount;
  readonly unknown?: UnknownPolicy;
  /** How long one worker may keep the operation; a call ends before it. @defaultValue the ledger's lease */
  readonly lease?: Duration;
  /**
   * Whether a final "no" of one provider (kind `refused`, a declined card) lets the next one be asked. It is an
   * answer, not an outage: the customer hears it, and the next provider would most likely say the same.
   *
   * @defaultValue false
   */
  readonly failoverOnRefusal?: boolean;
  /**
   * Accepts a guarantee below `"eventually-consistent"`, by its name: `"detect-only"` for a provider that has an inquiry
   * or a cancel or statements only, `"none"` for one that has nothing. A definition that promises less than it accepts
   * is refused.
   */
  readonly accept?: "detect-only" | "none";
}

/** An operation with one provider. */
export interface SingleProviderDefinition<Tx, I, R> extends Common<Tx, I, R>, ProviderDefinition<I, R> {
  readonly providers?: undefined;
}

/**
 * An operation with several providers; the next is asked only when the effect on all before it is `none`, and none of
 * them refused for good, unless `failoverOnRefusal` says otherwise.
 */
export interface ManyProvidersDefinition<Tx, I, R> extends Common<Tx, I, R> {
  readonly providers: Readonly<Record<string, ProviderDefinition<I, R>>>;
}

/** A definition that accepts nothing less than agreement. */
export interface AcceptsNothingLess {
  readonly accept?: undefined;
}

export type OperationDefinition<Tx, I, R> =
  | SingleProviderDefinition<Tx, I, R>
  | ManyProvidersDefinition<Tx, I, R>;

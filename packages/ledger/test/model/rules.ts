import type { decide, FoundPolicy, NotFoundPolicy, UnknownFirst } from "../../src/state/transitions.ts";

/** What is explored: what the provider declares, what it is really like, and what is broken on purpose. */
export interface Rules {
  readonly providers: 1 | 2;
  readonly onNotFound: NotFoundPolicy;
  readonly onFound: FoundPolicy;
  readonly first: UnknownFirst;
  readonly canInquire: boolean;
  readonly canCancel: boolean;
  readonly declaresBlocking: boolean;
  /** Whether a cancel really stops a late original. */
  readonly blocks: boolean;
  /** Whether the provider really acts once per key. */
  readonly dedupes: boolean;
  /**
   * What a declared longest time in flight is worth: nothing is declared; it is true of the network and of processes
   * that were paused; or of the network only.
   */
  readonly maxInFlight: "undeclared" | "true" | "ofNetwork";
  /** Whether an operation may become overdue, and so end with a person. */
  readonly overdue: boolean;
  /** Whether webhooks tell of effects, at any time, once per provider: also when they have been undone since. */
  readonly webhooks: boolean;
  /** Whether a reconciliation finds in the end what nobody else has. */
  readonly reconciles: boolean;
  readonly sends: number;
  readonly claims: number;
  readonly decide: typeof decide;
  /** Local writes carry no fence. */
  readonly unfenced?: boolean;
  /** A worker's write does not look whether a cancel was asked for meanwhile. */
  readonly overlooksCancel?: boolean;
  /** The call goes out before anything is durable. */
  readonly nothingDurable?: boolean;
  /** A worker that takes over in CANCELLING asks again, instead of going on. */
  readonly asksWhileCancelling?: boolean;
  /** "Not found" is taken as a proof of the time at which it is written, not of that at which it was asked. */
  readonly proofOfLater?: boolean;
  /** What is judged is money only, and not whether a wish to undo was heard: for variants that break both. */
  readonly moneyOnly?: boolean;
  /** The user's `abandon` voids an order that waits, and leaves a paid one as it is. */
  readonly keepsPaid?: boolean;
  /** Evidence that comes after the end is dropped. */
  readonly dropsLate?: boolean;
}

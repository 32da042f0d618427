import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock, Failure } from "@outrigger/core";
import type { Place } from "./place.ts";

/** A transaction that an async context has begun. */
export class TrackedTransaction {
  /** What it is a transaction of: "pg", "Kysely", "operation checkout.pay: commit". */
  readonly of: string;
  readonly begunAt: Place | undefined;
  readonly begunAtMs: number;
  /** Places from which something left while it was open. */
  readonly calledFrom: Set<string> = new Set();
  /** What it did although nobody could stop it; whoever can keeps the transaction from being committed. */
  spoiled: Failure | undefined = undefined;
  readonly #isOpen: () => boolean;
  #ended = false;

  /** @param isOpen - Asked until {@link end}, because a library's word is newer than ours. */
  constructor(of: string, begunAt: Place | undefined, begunAtMs: number, isOpen: () => boolean = () => true) {
    this.of = of;
    this.begunAt = begunAt;
    this.begunAtMs = begunAtMs;
    this.#isOpen = isOpen;
  }

  get isOpen(): boolean {
    return !this.#ended && this.#isOpen();
  }

  /** Whether it will never be open again. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  end(): void {
    this.#ended = true;
  }
}

interface Scope {
  readonly transaction: TrackedTransaction | undefined;
  /** A client of ours has asked already, so what it sends is not news. */
  readonly asked: boolean;
  readonly outer: Scope | undefined;
}

const scopes = new AsyncLocalStorage<Scope | undefined>();
let guardClock: Clock | undefined;

/**
 * The clock of the guard that stands; undefined where none does. Nothing is tracked then: async contexts have their
 * price, on Node 22 a high one.
 */
export function clockOfGuard(): Clock | undefined {
  return guardClock;
}

/**
 * @returns a function that takes the guard down again.
 * @throws TypeError when one stands already: both would hear of every call.
 */
export function putUpGuard(clock: Clock): () => void {
  if (guardClock !== undefined) {
    throw new TypeError(
      "this process has a guard already: hand it on, or stop() it before you make another one",
    );
  }
  guardClock = clock;
  return () => {
    guardClock = undefined;
  };
}

/** The innermost transaction that is open in this async context. */
export function openTransaction(): TrackedTransaction | undefined {
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) {
    if (scope.transaction?.isOpen === true) return scope.transaction;
  }
  return undefined;
}

/** Whether whatever leaves in this context has been asked about. */
export function wasAsked(): boolean {
  return scopes.getStore()?.asked === true;
}

/**
 * From here on the caller's context is in the transaction. Only for what is called by whoever works in it: it reaches
 * everything up to the caller's next `await`, its own callers included.
 */
export function enter(transaction: TrackedTransaction): void {
  scopes.enterWith({ transaction, asked: false, outer: living(scopes.getStore()) });
}

/** Runs `work`, and nothing else, in the transaction. */
export function within<T>(transaction: TrackedTransaction, work: () => T): T {
  return scopes.run({ transaction, asked: false, outer: living(scopes.getStore()) }, work);
}

/** What `work` sends has been asked about. */
export function asked<T>(work: () => T): T {
  return scopes.run({ transaction: undefined, asked: true, outer: scopes.getStore() }, work);
}

/** Runs `work` as if no transaction was open: for what is begun here and belongs to nobody's transaction. */
export function outside<T>(work: () => T): T {
  return scopes.run(undefined, work);
}

/** The same for the ledger's own background work, which whoever kicks it is not to be blamed for. */
export function detached<T>(work: () => T): T {
  return guardClock === undefined ? work() : outside(work);
}

/** Keeps what `work` enters from reaching its caller. */
export function contained<T>(work: () => T): T {
  const outer = scopes.getStore();
  // Another object than the one that is there, or Node would not care to bring that one back.
  return scopes.run({ transaction: undefined, asked: outer?.asked === true, outer }, work);
}

/** Without what has ended, or a loop that begins one transaction after another would keep all of them. */
function living(scope: Scope | undefined): Scope | undefined {
  let each = scope;
  while (each !== undefined && (each.transaction === undefined || each.transaction.hasEnded)) {
    each = each.outer;
  }
  return each;
}

import type { Failure } from "@outrigger/core";
import { callInTransaction, textOf } from "./events.ts";
import type { GuardSettings, OutboundCall } from "./options.ts";
import { framesOf, type Place } from "./place.ts";
import { Reports } from "./reports.ts";
import { openTransaction, type TrackedTransaction, wasAsked } from "./transaction-scope.ts";

/** Whether a call can be kept from leaving where it is noticed. */
export type Reach = "canPrevent" | "onlyNoticed";

/** Decides about what leaves, and tells of it. */
export class Judge {
  readonly reports: Reports;
  readonly #settings: GuardSettings;
  /** Host and port of the databases that are watched. */
  readonly #databases = new Set<string>();

  constructor(settings: GuardSettings) {
    this.#settings = settings;
    this.reports = new Reports(settings);
  }

  addDatabase(peers: readonly string[]): void {
    for (const peer of peers) this.#databases.add(peer);
  }

  /**
   * Asks about a call that is being made in this async context.
   *
   * @param placeOf - Called only when it is one to speak of.
   * @returns why it must not leave; undefined when it may.
   */
  ask(call: OutboundCall, reach: Reach, placeOf: () => Place): Failure | undefined {
    const transaction = openTransaction();
    if (transaction === undefined || wasAsked()) return undefined;
    return this.about(call, transaction, placeOf(), reach);
  }

  /** The same for a call that was made when `transaction` was open, of which more is known only now. */
  about(
    call: OutboundCall,
    transaction: TrackedTransaction,
    place: Place,
    reach: Reach,
  ): Failure | undefined {
    const calledAt = framesOf(place);
    const from = calledAt[0] ?? call.peer;
    // The connection of a request that has been spoken of.
    if (call.kind === "socket" && transaction.calledFrom.has(from)) return undefined;
    transaction.calledFrom.add(from);
    if (this.#databases.has(call.peer) || this.#settings.allowed(call)) return undefined;
    const { clock, mode } = this.#settings;
    const report = {
      call,
      calledAt,
      transaction: {
        of: transaction.of,
        begunAt: framesOf(transaction.begunAt),
        openForMs: clock.now() - transaction.begunAtMs,
      },
      failed: mode === "fail",
    };
    this.reports.add(report);
    if (mode === "report") return undefined;
    const failure = callInTransaction(textOf(report));
    if (reach === "onlyNoticed") transaction.spoiled ??= failure;
    return failure;
  }
}

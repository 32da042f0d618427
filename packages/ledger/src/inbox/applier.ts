import { show } from "@outrigger/core";
import { codeOf, messageOf } from "../run/describe.ts";
import type { Internals } from "../run/internals.ts";
import { observationOf, observe } from "../run/observe.ts";
import { storableText } from "../store/storable-text.ts";
import type { InboxSettings, WebhookEvidence } from "./options.ts";
import type { ClaimedEvent, InboxTables } from "./tables.ts";

/** Events taken at a time. */
const claimAtMost = 20;
const forgetAtMost = 1_000;

/** Puts stored events to what they are about. What cannot be applied yet is kept, and tried again. */
export class Applier<Tx> {
  readonly #internals: Internals<Tx>;
  readonly #settings: InboxSettings<Tx>;
  readonly #tables: InboxTables<Tx>;

  constructor(internals: Internals<Tx>, settings: InboxSettings<Tx>, tables: InboxTables<Tx>) {
    this.#internals = internals;
    this.#settings = settings;
    this.#tables = tables;
  }

  /** Everything that is due, until it is told to stop. */
  async drain(stopped: () => boolean): Promise<void> {
    for (;;) {
      if (stopped()) return;
      const claimed = await this.#tables.claim(claimAtMost, leaseMs);
      for (const each of claimed) await this.#one(each);
      if (claimed.length < claimAtMost) return;
    }
  }

  async tidy(): Promise<void> {
    while ((await this.#tables.forget(this.#settings.keepForMs, forgetAtMost)) === forgetAtMost);
  }

  async #one(claimed: ClaimedEvent): Promise<void> {
    const { event } = claimed;
    const { apply, name } = this.#settings;
    const { emit } = this.#internals.engine;
    try {
      if (await this.#tables.hasLater(event)) {
        await this.#tables.settle(claimed, "superseded", "later news of it are known");
        emit({ type: "webhookSettled", inbox: name, id: event.id, outcome: "superseded" });
        return;
      }
      const observed =
        event.evidence === undefined ? "applied" : await this.#observe(event.id, event.evidence);
      if (observed === undefined) {
        await this.#later(
          claimed,
          `waits for ${event.evidence?.operation} ${show(event.evidence?.key)}`,
          undefined,
        );
        return;
      }
      const work = apply === undefined ? undefined : (tx: Tx) => apply(tx, event);
      if (await this.#tables.settle(claimed, "applied", observed, work)) {
        emit({ type: "webhookSettled", inbox: name, id: event.id, outcome: observed });
      }
    } catch (error) {
      await this.#later(claimed, storableText(`failed: ${messageOf(error)}`), error).catch(
        (cause: unknown) => {
          // Its lease ends by itself.
          emit({ type: "databaseFailed", during: "inbox", code: codeOf(cause) });
        },
      );
    }
  }

  async #observe(id: string, evidence: WebhookEvidence): Promise<string | undefined> {
    const { engine, definitions } = this.#internals;
    const { operation, key, learnt, provider } = evidence;
    const definition = definitions.get(operation);
    // Another process of a newer version may know it.
    if (definition === undefined) throw new RangeError(`this ledger has no operation ${show(operation)}`);
    const observation = observationOf(definition, learnt, {
      by: `webhook ${this.#settings.name} ${id}`,
      provider,
    });
    return await observe(engine, definition, () => engine.store.findByKey(operation, key), observation);
  }

  async #later(claimed: ClaimedEvent, outcome: string, error: unknown): Promise<void> {
    const { retryFirstMs, retryMaxMs, giveUpAfterMs, name } = this.#settings;
    const givenUp = claimed.ageMs >= giveUpAfterMs;
    if (givenUp) await this.#tables.settle(claimed, "stuck", outcome);
    else {
      const delayMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(30, claimed.tries - 1));
      await this.#tables.retryLater(claimed, delayMs, outcome);
    }
    if (error === undefined && !givenUp) return;
    const { emit } = this.#internals.engine;
    emit({ type: "webhookFailed", inbox: name, id: claimed.id, code: codeOf(error), givenUp });
  }
}

/** For a batch, which may ask a provider about each event; whoever is late is stopped by the count of tries. */
const leaseMs = 120_000;

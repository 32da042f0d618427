import { show } from "@outrigger/core";
import type { Engine } from "../run/engine.ts";
import { checkedOutbox, type OutboxOptions } from "./options.ts";
import { DefinedOutbox, type Outbox, type Outboxes, outboxesOf } from "./outbox.ts";
import { type OpenLanes, OutboxStore } from "./outbox-store.ts";

export interface OutboxDeskOptions {
  readonly leaseMs: number;
  readonly pollEveryMs: number;
  readonly drainMs: number;
}

/** All that a ledger has of ordered outboxes. */
export class OutboxDesk<Tx> {
  readonly outboxes: Outboxes;
  readonly #engine: Engine<Tx>;
  readonly #store: OutboxStore<Tx>;
  readonly #options: OutboxDeskOptions;
  readonly #defined = new Map<
    string,
    { readonly outbox: DefinedOutbox<never, Tx>; readonly keepMs: number }
  >();
  #running = false;

  constructor(engine: Engine<Tx>, store: OutboxStore<Tx>, options: OutboxDeskOptions) {
    this.#engine = engine;
    this.#store = store;
    this.#options = options;
    this.outboxes = outboxesOf(store, this.heard);
  }

  define<P>(name: string, options: OutboxOptions<P>): Outbox<P, Tx> {
    const settings = checkedOutbox(name, options, this.#options.leaseMs);
    if (this.#defined.has(name))
      throw new TypeError(`outbox ${show(name)} is already defined in this ledger`);
    const outbox = new DefinedOutbox<P, Tx>(
      this.#engine,
      this.#store,
      settings,
      this.outboxes,
      this.#options,
    );
    this.#defined.set(name, { outbox, keepMs: settings.keepMs });
    if (this.#running) outbox.start();
    return outbox;
  }

  start(): void {
    this.#running = true;
    for (const { outbox } of this.#defined.values()) outbox.start();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all([...this.#defined.values()].map(({ outbox }) => outbox.stop()));
  }

  /** Another process, or this one, has told of work. */
  readonly heard = (): void => {
    for (const { outbox } of this.#defined.values()) outbox.kick();
  };

  snapshot(): Promise<readonly OpenLanes[]> {
    return this.#store.open();
  }

  /** Deletes what was delivered so long ago that no outbox here wants it kept. */
  async tidy(limit: number): Promise<void> {
    if (this.#defined.size === 0) return;
    const keepMs = Math.max(...[...this.#defined.values()].map((each) => each.keepMs));
    while ((await this.#store.forget(keepMs, limit)) === limit);
  }
}

/** Undefined where the ledger has no ordered outbox on this database. */
export function outboxDesk<Tx>(
  engine: Engine<Tx>,
  schema: string,
  options: OutboxDeskOptions,
): OutboxDesk<Tx> | undefined {
  const text = engine.store.dialect.outbox?.(schema);
  return text === undefined
    ? undefined
    : new OutboxDesk(engine, new OutboxStore(engine.store, text), options);
}

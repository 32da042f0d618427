import type { Timer } from "@outrigger/core";
import { slotGroupOf } from "../store/dialect.ts";
import type { OperationRow } from "../store/operation-row.ts";
import { codeOf } from "./describe.ts";
import type { AnyDefinition, Engine } from "./engine.ts";
import { InHand } from "./in-hand.ts";
import { endedWithin, Poller } from "./poller.ts";
import { resolve } from "./resolve.ts";
import { type Slot, Slots } from "./slots.ts";
import { Stopping } from "./stop-signal.ts";
import { SlotTurn } from "./turn.ts";
import { WriteFailed } from "./write.ts";

export interface ResolverOptions {
  readonly concurrency: number;
  readonly pollEveryMs: number;
  /** The shortest lease; a definition that asks for more gets it. */
  readonly leaseMs: number;
  readonly drainMs: number;
}

/** How long aborted work may take to say what it reached, after the drain's own bound. */
const lastGraceMs = 1_000;
/** How long what was claimed may wait for a slot before others may have it; never more than a tenth of the lease. */
const waitAtMostMs = 2_000;

/** An operation that was claimed. */
interface Claimed {
  readonly row: OperationRow;
  readonly group: string;
  /** Takes it out of the queue for slots; false once it has begun. */
  leave: () => boolean;
  /** Undefined until it has begun. */
  work: Promise<void> | undefined;
}

/**
 * Claims what is due, and resolves it. Any number of processes run one each.
 *
 * What calls providers at a time is bounded by slots. What is claimed at a time is more than that as far as it will soon
 * have its turn, so that many outcomes are there to be written together.
 */
export class Resolver<Tx> {
  readonly #engine: Engine<Tx>;
  readonly #definitions: ReadonlyMap<string, AnyDefinition<Tx>>;
  readonly #options: ResolverOptions;
  readonly #slots: Slots;
  readonly #inHand: InHand;
  readonly #claimed = new Set<Claimed>();
  readonly #poller: Poller;
  /** Whether there may be more that was left for lack of room. */
  #more = false;
  /** Definitions are only ever added. */
  #shareOf = { definitions: -1, share: 1 };
  #watching: Timer | undefined;
  #stopping = new Stopping();

  constructor(
    engine: Engine<Tx>,
    definitions: ReadonlyMap<string, AnyDefinition<Tx>>,
    options: ResolverOptions,
  ) {
    this.#engine = engine;
    this.#definitions = definitions;
    this.#options = options;
    this.#poller = new Poller({
      clock: engine.clock,
      pollEveryMs: options.pollEveryMs,
      look: () => this.#claim(),
    });
    const share = (): number => this.#share();
    this.#slots = new Slots(options.concurrency, share);
    this.#inHand = new InHand(options.concurrency, share, engine.clock.now());
  }

  /** Resolutions that have begun. */
  get active(): number {
    return this.#begun().length;
  }

  /** Starting twice does nothing. */
  start(): void {
    if (this.#poller.running) return;
    this.#stopping = new Stopping();
    this.#poller.start();
    const guarantees = [...this.#definitions.values()].map(({ name, guarantee }) => ({
      operation: name,
      guarantee,
    }));
    this.#engine.emit({ type: "resolverStarted", guarantees });
  }

  /** Whether it would take work now. */
  get hasRoom(): boolean {
    return this.#poller.running && this.#claimed.size < this.#options.concurrency;
  }

  /** Looks for work at once. Does nothing while stopped. */
  readonly kick = (): void => this.#poller.kick();

  /** Stops claiming, waits for what runs, and gives back what has not begun, and what does not end in time. */
  async stop(): Promise<void> {
    if (!this.#poller.running) return;
    const claiming = this.#poller.stop();
    const { clock } = this.#engine;
    const drainEndsAtMs = clock.now() + this.#options.drainMs;
    // A database that does not answer must not hold the process; what a late answer claims is given back.
    if (claiming !== undefined) await endedWithin(clock, this.#options.drainMs, [claiming]);
    this.#watching?.cancel();
    this.#watching = undefined;
    const waiting = this.#giveBackWaiting([...this.#claimed]);
    const running = (): readonly Promise<void>[] => this.#begun().map(({ work }) => work);
    await endedWithin(clock, Math.max(0, drainEndsAtMs - clock.now()), [waiting.done, ...running()]);
    this.#stopping.abort();
    await endedWithin(clock, lastGraceMs, running());
    const stuck = this.#begun().map(({ row }) => row);
    await endedWithin(clock, lastGraceMs, [this.#giveBack(stuck, true)]);
    this.#engine.emit({ type: "resolverStopped", released: stuck.length + waiting.count });
  }

  /** @returns whether there may be more work that can be started right away. */
  async #claim(): Promise<boolean> {
    if (this.#definitions.size === 0) return false;
    const { full, room } = this.#inHand.room();
    if (room === 0) return false;
    const { clock, store } = this.#engine;
    try {
      const leaseMs = Math.max(
        this.#options.leaseMs,
        ...[...this.#definitions.values()].map((definition) => definition.leaseMs),
      );
      const rows = await store.claim([...this.#definitions.keys()], room, leaseMs, full);
      if (!this.#poller.running) {
        await this.#giveBack(rows, false);
        return false;
      }
      const isFull = rows.length === room;
      this.#more = isFull || full.length > 0;
      for (const row of rows) this.#take(row, leaseMs);
      this.#inHand.adapt(clock.now());
      this.#watch(leaseMs);
      return isFull && this.#inHand.room().room > 0;
    } catch (error) {
      this.#engine.emit({ type: "databaseFailed", during: "claim", code: codeOf(error) });
      return false;
    }
  }

  /** A provider that answers nothing holds a slot for a lease each time, so none gets more than half beside others. */
  #share(): number {
    if (this.#shareOf.definitions !== this.#definitions.size) {
      const groups = new Set<string>();
      for (const { name, providers } of this.#definitions.values()) {
        for (const provider of providers.keys()) groups.add(slotGroupOf({ operation: name, provider }));
      }
      const { concurrency } = this.#options;
      const share = groups.size < 2 ? concurrency : Math.max(1, Math.floor(concurrency / 2));
      this.#shareOf = { definitions: this.#definitions.size, share };
    }
    return this.#shareOf.share;
  }

  #take(row: OperationRow, leaseMs: number): void {
    const group = slotGroupOf(row);
    const claimed: Claimed = { row, group, leave: () => false, work: undefined };
    this.#claimed.add(claimed);
    this.#inHand.took(group);
    claimed.leave = this.#slots.take(group, (slot) => {
      claimed.work = this.#work(row, leaseMs, group, slot).then(() => this.#ended(claimed));
    });
  }

  async #work(row: OperationRow, leaseMs: number, group: string, slot: Slot): Promise<void> {
    const turn = new SlotTurn(this.#slots, group, slot);
    const definition = this.#definitions.get(row.operation);
    try {
      if (definition === undefined) return;
      const held = { row, leaseEndsAtMs: row.readAtMs + leaseMs, mine: true };
      await resolve({ ...this.#engine, turn }, definition, held, this.#stopping);
    } catch (error) {
      // The row stays as it is, and is offered again when its lease ends.
      const cause = error instanceof WriteFailed ? error.cause : error;
      this.#engine.emit({ type: "databaseFailed", during: "resolve", code: codeOf(cause) });
    } finally {
      turn.pass();
    }
  }

  #ended(claimed: Claimed): void {
    this.#claimed.delete(claimed);
    this.#inHand.left(claimed.group);
    if (this.#more && this.#inHand.wants(claimed.group)) this.kick();
  }

  /** What has not had its turn in time is left to others. */
  #watch(leaseMs: number): void {
    if (this.#watching !== undefined || ![...this.#claimed].some(({ work }) => work === undefined)) return;
    const { clock } = this.#engine;
    const atMostMs = Math.min(waitAtMostMs, leaseMs / 10);
    this.#watching = clock.setTimer(atMostMs, () => {
      this.#watching = undefined;
      const late = [...this.#claimed].filter(({ row }) => clock.now() - row.readAtMs >= atMostMs);
      this.#giveBackWaiting(late);
      this.#watch(leaseMs);
    });
  }

  #giveBackWaiting(claimed: readonly Claimed[]): { readonly count: number; readonly done: Promise<void> } {
    const waiting = claimed.filter(({ leave }) => leave());
    for (const each of waiting) {
      this.#claimed.delete(each);
      this.#inHand.returned(each.group);
    }
    const rows = waiting.map(({ row }) => row);
    return { count: rows.length, done: this.#giveBack(rows, false) };
  }

  /** A failure costs others only the rest of the lease. */
  async #giveBack(rows: readonly OperationRow[], begun: boolean): Promise<void> {
    if (rows.length > 0) await this.#engine.store.giveBack(rows, begun).catch(() => {});
  }

  #begun(): readonly (Claimed & { readonly work: Promise<void> })[] {
    return [...this.#claimed].filter(
      (each): each is Claimed & { readonly work: Promise<void> } => each.work !== undefined,
    );
  }
}

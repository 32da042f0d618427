import type { Clock, Timer } from "@outrigger/core";
import { slotGroupOf } from "../store/dialect.ts";
import type { OperationRow } from "../store/store.ts";
import { codeOf } from "./describe.ts";
import type { AnyDefinition, Engine } from "./engine.ts";
import { resolve } from "./resolve.ts";
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

/**
 * Claims what is due, and resolves it, with bounded concurrency. Any number of processes run one each.
 */
export class Resolver<Tx> {
  readonly #engine: Engine<Tx>;
  readonly #definitions: ReadonlyMap<string, AnyDefinition<Tx>>;
  readonly #options: ResolverOptions;
  readonly #active = new Map<OperationRow, Promise<void>>();
  #running = false;
  #claiming: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;
  #stopping = new AbortController();

  constructor(
    engine: Engine<Tx>,
    definitions: ReadonlyMap<string, AnyDefinition<Tx>>,
    options: ResolverOptions,
  ) {
    this.#engine = engine;
    this.#definitions = definitions;
    this.#options = options;
  }

  get active(): number {
    return this.#active.size;
  }

  /** Starting twice does nothing. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopping = new AbortController();
    const guarantees = [...this.#definitions.values()].map(({ name, guarantee }) => ({
      operation: name,
      guarantee,
    }));
    this.#engine.emit({ type: "resolverStarted", guarantees });
    this.kick();
  }

  /** Whether it would take work now. */
  get hasRoom(): boolean {
    return this.#running && this.#active.size < this.#options.concurrency;
  }

  /** Looks for work at once. Does nothing while stopped. */
  readonly kick = (): void => {
    if (!this.#running) return;
    this.#timer?.cancel();
    if (this.#claiming !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#claiming = this.#claim().then((full) => {
      this.#claiming = undefined;
      if (!this.#running) return;
      if (this.#again || full) this.kick();
      else this.#timer = this.#engine.clock.setTimer(this.#options.pollEveryMs, this.kick);
    });
  };

  /** Stops claiming, waits for what runs, and gives back what does not end in time. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timer?.cancel();
    const { clock, store } = this.#engine;
    const drainEndsAtMs = clock.now() + this.#options.drainMs;
    // A database that does not answer must not hold the process; what a late answer claims is given back.
    if (this.#claiming !== undefined) await endedWithin(clock, this.#options.drainMs, [this.#claiming]);
    await endedWithin(clock, Math.max(0, drainEndsAtMs - clock.now()), this.#active.values());
    this.#stopping.abort();
    await endedWithin(clock, lastGraceMs, this.#active.values());
    const stuck = [...this.#active.keys()];
    // A failed release costs others only the rest of the lease.
    await endedWithin(
      clock,
      lastGraceMs,
      stuck.map((row) => store.release(row).catch(() => {})),
    );
    this.#engine.emit({ type: "resolverStopped", released: stuck.length });
  }

  /** @returns whether there may be more work that can be started right away. */
  async #claim(): Promise<boolean> {
    const free = this.#options.concurrency - this.#active.size;
    if (free <= 0 || this.#definitions.size === 0) return false;
    const { full, room } = this.#slots();
    const most = Math.min(free, room);
    try {
      const leaseMs = Math.max(
        this.#options.leaseMs,
        ...[...this.#definitions.values()].map((definition) => definition.leaseMs),
      );
      const rows = await this.#engine.store.claim([...this.#definitions.keys()], most, leaseMs, full);
      if (!this.#running) {
        await Promise.allSettled(rows.map((row) => this.#engine.store.release(row)));
        return false;
      }
      for (const row of rows) this.#work(row, leaseMs);
      return rows.length === most && this.#active.size < this.#options.concurrency;
    } catch (error) {
      this.#engine.emit({ type: "databaseFailed", during: "claim", code: codeOf(error) });
      return false;
    }
  }

  /**
   * A provider that answers nothing holds a slot for a lease each time, so no provider gets more than half of them
   * while there are others.
   *
   * @returns the groups that have their half, and how many a claim may take so that no other one gets more.
   */
  #slots(): { readonly full: readonly string[]; readonly room: number } {
    const share = this.#share();
    const taken = new Map<string, number>();
    for (const row of this.#active.keys()) {
      const group = slotGroupOf(row);
      taken.set(group, (taken.get(group) ?? 0) + 1);
    }
    const full = [...taken].filter(([, count]) => count >= share).map(([group]) => group);
    const others = [...taken.values()].filter((count) => count < share);
    return { full, room: share - Math.max(0, ...others) };
  }

  #share(): number {
    const groups = new Set<string>();
    for (const { name, providers } of this.#definitions.values()) {
      for (const provider of providers.keys()) groups.add(slotGroupOf({ operation: name, provider }));
    }
    const { concurrency } = this.#options;
    return groups.size < 2 ? concurrency : Math.max(1, Math.floor(concurrency / 2));
  }

  #work(row: OperationRow, leaseMs: number): void {
    const definition = this.#definitions.get(row.operation);
    if (definition === undefined) return;
    const held = { row, leaseEndsAtMs: row.readAtMs + leaseMs, mine: true };
    const work = resolve(this.#engine, definition, held, this.#stopping.signal).then(
      () => {},
      (error: unknown) => {
        // The row stays as it is, and is offered again when its lease ends.
        const cause = error instanceof WriteFailed ? error.cause : error;
        this.#engine.emit({ type: "databaseFailed", during: "resolve", code: codeOf(cause) });
      },
    );
    this.#active.set(
      row,
      work.then(() => {
        const wasFull =
          this.#active.size === this.#options.concurrency || this.#slots().full.includes(slotGroupOf(row));
        this.#active.delete(row);
        // There is room again, and there may be work that was left for lack of it.
        if (wasFull) this.kick();
      }),
    );
  }
}

async function endedWithin(clock: Clock, ms: number, work: Iterable<Promise<void>>): Promise<void> {
  let timer: Timer | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = clock.setTimer(ms, resolve);
  });
  await Promise.race([Promise.all(work), bound]);
  timer?.cancel();
}

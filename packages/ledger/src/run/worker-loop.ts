import type { Clock } from "@outrigger/core";
import { endedWithin, Poller } from "./poller.ts";

export interface LoopParts<Job> {
  readonly clock: Clock;
  readonly pollEveryMs: number;
  /** Jobs at a time. */
  readonly concurrency: number;
  readonly drainMs: number;
  /** Takes up to so many jobs. Rejecting is the same as finding none. */
  readonly claim: (atMost: number) => Promise<readonly Job[]>;
  /** Must not reject. */
  readonly work: (job: Job, signal: AbortSignal) => Promise<void>;
  /** Gives back what did not end in time. */
  readonly release: (job: Job) => Promise<void>;
}

/** How long aborted work may take to say what it reached, after the drain's own bound. */
const lastGraceMs = 1_000;

/** Claims jobs and works on them with bounded concurrency: at once when it is kicked, and by polling. */
export class WorkerLoop<Job extends object> {
  readonly #parts: LoopParts<Job>;
  readonly #active = new Map<Job, Promise<void>>();
  readonly #poller: Poller;
  #stopping = new AbortController();

  constructor(parts: LoopParts<Job>) {
    this.#parts = parts;
    this.#poller = new Poller({ ...parts, look: () => this.#claim() });
  }

  get active(): number {
    return this.#active.size;
  }

  /** Whether it would take work now. */
  get hasRoom(): boolean {
    return this.#poller.running && this.#active.size < this.#parts.concurrency;
  }

  /** Starting twice does nothing. */
  start(): void {
    if (this.#poller.running) return;
    this.#stopping = new AbortController();
    this.#poller.start();
  }

  /** Looks for work at once. Does nothing while stopped. */
  readonly kick = (): void => this.#poller.kick();

  /** Stops claiming, waits for what runs, and gives back what does not end in time. */
  async stop(): Promise<void> {
    if (!this.#poller.running) return;
    const claiming = this.#poller.stop();
    const { clock, drainMs, release } = this.#parts;
    const drainEndsAtMs = clock.now() + drainMs;
    // A database that does not answer must not hold the process; what a late answer claims is given back.
    if (claiming !== undefined) await endedWithin(clock, drainMs, [claiming]);
    await endedWithin(clock, Math.max(0, drainEndsAtMs - clock.now()), this.#active.values());
    this.#stopping.abort();
    await endedWithin(clock, lastGraceMs, this.#active.values());
    // A failed release costs others only the rest of the lease.
    const released = [...this.#active.keys()].map((job) => release(job).catch(() => {}));
    await endedWithin(clock, lastGraceMs, released);
  }

  /** @returns whether there may be more work that can be started right away. */
  async #claim(): Promise<boolean> {
    const { concurrency, claim, release } = this.#parts;
    const free = concurrency - this.#active.size;
    if (free <= 0) return false;
    const jobs = await claim(free).catch((): readonly Job[] => []);
    if (!this.#poller.running) {
      await Promise.allSettled(jobs.map(release));
      return false;
    }
    for (const job of jobs) this.#begin(job);
    return jobs.length === free && this.hasRoom;
  }

  #begin(job: Job): void {
    const { work, concurrency } = this.#parts;
    this.#active.set(
      job,
      work(job, this.#stopping.signal).then(() => {
        const wasFull = this.#active.size === concurrency;
        this.#active.delete(job);
        // There is room again, and there may be work that was left for lack of it.
        if (wasFull) this.kick();
      }),
    );
  }
}

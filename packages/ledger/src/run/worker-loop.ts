import type { Clock, Timer } from "@outrigger/core";
import { detached } from "../guard/transaction-scope.ts";

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
  #running = false;
  #claiming: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;
  #stopping = new AbortController();

  constructor(parts: LoopParts<Job>) {
    this.#parts = parts;
  }

  get active(): number {
    return this.#active.size;
  }

  /** Whether it would take work now. */
  get hasRoom(): boolean {
    return this.#running && this.#active.size < this.#parts.concurrency;
  }

  /** Starting twice does nothing. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopping = new AbortController();
    this.kick();
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
    this.#claiming = detached(() => this.#claim()).then((full) => {
      this.#claiming = undefined;
      if (!this.#running) return;
      if (this.#again || full) this.kick();
      else this.#timer = this.#parts.clock.setTimer(this.#parts.pollEveryMs, this.kick);
    });
  };

  /** Stops claiming, waits for what runs, and gives back what does not end in time. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timer?.cancel();
    const { clock, drainMs, release } = this.#parts;
    const drainEndsAtMs = clock.now() + drainMs;
    // A database that does not answer must not hold the process; what a late answer claims is given back.
    if (this.#claiming !== undefined) await endedWithin(clock, drainMs, [this.#claiming]);
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
    if (!this.#running) {
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

async function endedWithin(clock: Clock, ms: number, work: Iterable<Promise<void>>): Promise<void> {
  let timer: Timer | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = clock.setTimer(ms, resolve);
  });
  await Promise.race([Promise.all(work), bound]);
  timer?.cancel();
}

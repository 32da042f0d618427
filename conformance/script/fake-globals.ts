import { type ScriptTime, settled } from "./time.ts";

interface FakeTimer {
  dueAtMs: number;
  order: number;
  readonly everyMs: number | undefined;
  readonly callback: () => void;
  holds: boolean;
}

const wallStartMs = Date.UTC(2026, 0, 1);
const RealDate = globalThis.Date;

/**
 * Time for libraries that read it from the process: replaces `Date`, `performance.now`, `process.hrtime`,
 * `setTimeout` and `setInterval` of the whole process, so it belongs into a child process of its own, and
 * before the library is imported. `setImmediate` and microtasks stay real.
 */
export class FakeGlobals implements ScriptTime {
  #nowMs = 0;
  #wallOffsetMs = 0;
  #order = 0;
  readonly #timers = new Map<number, FakeTimer>();

  constructor() {
    const wallNow = (): number => wallStartMs + this.#wallOffsetMs + this.#nowMs;
    class FakeDate extends RealDate {
      constructor(...args: [] | [number | string]) {
        super(args.length === 0 ? wallNow() : args[0]);
      }
      static override now(): number {
        return wallNow();
      }
    }
    const hrtime = Object.assign(() => [Math.floor(this.#nowMs / 1_000), (this.#nowMs % 1_000) * 1e6], {
      bigint: () => BigInt(Math.round(this.#nowMs * 1e6)),
    });
    performance.now = () => this.#nowMs;
    process.hrtime = hrtime as typeof process.hrtime;
    Object.assign(globalThis, {
      Date: FakeDate,
      setTimeout: this.#arm(false),
      setInterval: this.#arm(true),
      clearTimeout: this.#clear,
      clearInterval: this.#clear,
    });
  }

  /** Forgets what earlier scripts left armed. */
  cleared(): this {
    this.#timers.clear();
    return this;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const handle = setTimeout(callback, delayMs);
    return () => clearTimeout(handle);
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      const [id, timer] = next;
      this.#nowMs = Math.max(this.#nowMs, timer.dueAtMs);
      if (timer.everyMs === undefined) this.#timers.delete(id);
      else Object.assign(timer, { dueAtMs: this.#nowMs + timer.everyMs, order: this.#order++ });
      timer.callback();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  holding(): number {
    return [...this.#timers.values()].filter(({ holds }) => holds).length;
  }

  #arm(
    repeats: boolean,
  ): (callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => object {
    return (callback, delay, ...args) => {
      // As Node does: a delay that is missing, too small or too large becomes 1 ms.
      const delayMs = delay !== undefined && delay >= 1 && delay <= 2_147_483_647 ? Math.trunc(delay) : 1;
      const id = ++this.#order;
      const timer: FakeTimer = {
        dueAtMs: this.#nowMs + delayMs,
        order: id,
        everyMs: repeats ? delayMs : undefined,
        callback: () => callback(...args),
        holds: true,
      };
      this.#timers.set(id, timer);
      const handle = {
        ref: () => Object.assign(timer, { holds: true }) && handle,
        unref: () => Object.assign(timer, { holds: false }) && handle,
        hasRef: () => timer.holds,
        [Symbol.toPrimitive]: () => id,
      };
      return handle;
    };
  }

  readonly #clear = (handle: unknown): void => {
    if (handle !== undefined && handle !== null) this.#timers.delete(Number(handle));
  };

  #next(untilMs: number): [number, FakeTimer] | undefined {
    let first: [number, FakeTimer] | undefined;
    for (const entry of this.#timers) {
      const [, timer] = entry;
      if (timer.dueAtMs > untilMs) continue;
      if (
        first === undefined ||
        timer.dueAtMs < first[1].dueAtMs ||
        (timer.dueAtMs === first[1].dueAtMs && timer.order < first[1].order)
      ) {
        first = entry;
      }
    }
    return first;
  }
}

import { VirtualClock } from "@outrigger/lab";

/** Time as a script sees it, whatever the library under test reads it from. */
export interface ScriptTime {
  now(): number;
  setTimer(delayMs: number, callback: () => void): () => void;
  advance(ms: number): Promise<void>;
  jumpWall(ms: number): void;
  /** Timers that would keep the process from ending. */
  holding(): number;
}

/** For a library that is handed its clock. */
export class ClockTime implements ScriptTime {
  readonly clock: VirtualClock = new VirtualClock();

  now(): number {
    return this.clock.now();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = this.clock.setTimer(delayMs, callback);
    return () => timer.cancel();
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  jumpWall(ms: number): void {
    this.clock.jumpWall(ms);
  }

  holding(): number {
    return this.clock.pending;
  }
}

// The real one, taken before anything is replaced: libraries' schedulers use it too and are never faked.
const realImmediate = globalThis.setImmediate;

/** Lets every promise chain that can run do so, also those that go through `setImmediate` a few times. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 4; round += 1) await new Promise<void>((resolve) => realImmediate(resolve));
}

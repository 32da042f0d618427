/** A pending callback. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Where time comes from. The only way library code reads or waits for time, so a test can drive it.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions; never jumps with the wall clock. Only differences mean something. */
  now(): number;
  /** Milliseconds since 1970, for people and other machines. Jumps when the clock is set. */
  wallNow(): number;
  /** Calls back once, not before `delayMs` have passed. Range: >= 0; `Infinity` never fires. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** A number in [0, 1), like `Math.random`. */
export type Random = () => number;

/** Longest delay that Node's timers take; a longer one is reached in steps. */
const longestDelayMs = 2_147_483_647;

const neverTimer: Timer = { cancel() {} };

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(delayMs, callback) {
    if (delayMs === Number.POSITIVE_INFINITY) return neverTimer;
    const dueAtMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      // Rounded up: Node truncates fractions, and a timer that fires early would end a call before its time.
      handle = setTimeout(fire, Math.min(longestDelayMs, Math.ceil(leftMs)));
    };
    const fire = (): void => {
      const leftMs = dueAtMs - performance.now();
      if (leftMs > 0) arm(leftMs);
      else callback();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The machine's randomness; not for secrets. */
export const systemRandom: Random = Math.random;

import { type Timed, TimerWheel, type WaitsIn, type WheelHost, WheelTimer } from "./timer-wheel.ts";

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

const neverTimer: Timer = { cancel() {} };

/**
 * The machine's clock. All its timers share one of the machine's, which keeps the process alive only while one of
 * them waits; they fire within about a millisecond after their time, outside of any call's async context.
 */
export const systemClock: Clock = {
  now: machineNow,
  wallNow: () => Date.now(),
  setTimer(delayMs, callback) {
    if (delayMs === Number.POSITIVE_INFINITY) return neverTimer;
    const timer = new WheelTimer(callback);
    currentWheel().arm(machineNow(), delayMs, timer);
    return timer;
  },
};

/**
 * Lets `timed` wait, for who already knows the time; on the machine's clock it costs half of `setTimer`.
 * {@link disarm} ends it.
 */
export function armTimed(clock: Clock, nowMs: number, delayMs: number, timed: Timed): void {
  if (clock !== systemClock) timed.waitsIn = new OnOtherClock(clock, delayMs, timed);
  else if (delayMs !== Number.POSITIVE_INFINITY) wheel.arm(nowMs, delayMs, timed);
}

/** Does nothing for one that does not wait, or whose time has come. */
export function disarm(timed: Timed): void {
  timed.waitsIn?.leave(timed);
}

class OnOtherClock implements WaitsIn {
  readonly #timer: Timer;

  constructor(clock: Clock, delayMs: number, timed: Timed) {
    this.#timer = clock.setTimer(delayMs, () => timed.timeUp());
  }

  leave(): void {
    this.#timer.cancel();
  }
}

/** Looked up again when the machine's timers are others: a test that fakes them gets a wheel of its own. */
let timers: typeof setTimeout = setTimeout;
/** Kept, because on `globalThis` it is behind a getter that costs a fifth of reading the time. */
let machineTime: typeof performance = performance;
let wheel: TimerWheel = new TimerWheel(machine());

function machineNow(): number {
  if (timers !== setTimeout) look();
  return machineTime.now();
}

function currentWheel(): TimerWheel {
  if (timers !== setTimeout) look();
  return wheel;
}

function look(): void {
  timers = setTimeout;
  machineTime = performance;
  wheel = new TimerWheel(machine());
}

function machine(): WheelHost {
  const { setTimeout, clearTimeout, performance } = globalThis;
  return {
    now: () => performance.now(),
    setTimeout,
    clearTimeout: clearTimeout as WheelHost["clearTimeout"],
    afterTurn: (callback) => process.nextTick(callback),
  };
}

/** The machine's randomness; not for secrets. */
export const systemRandom: Random = Math.random;

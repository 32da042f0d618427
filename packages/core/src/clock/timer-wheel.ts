import { AsyncLocalStorage } from "node:async_hooks";
import type { Timer } from "./clock.ts";

/**
 * What waits for a time, with its own place in a list: an object that has to remember its call anyway waits
 * itself, and then nothing is made for its timer. It waits for one time at a time.
 */
export interface Timed {
  /** Where it waits; undefined before, after and when it was taken off. */
  waitsIn: WaitsIn | undefined;
  /** The rest is the wheel's: in which of the lists, its neighbours there, and for one that is far away, when it is due. */
  slot: number;
  next: Timed;
  previous: Timed;
  dueTick: number;
  /** Its time has come. */
  timeUp(): void;
}

/** What can be left before the time has come. */
export interface WaitsIn {
  leave(timed: Timed): void;
}

/** What the wheel needs of the machine. */
export interface WheelHost {
  /** Monotonic milliseconds. */
  now(): number;
  setTimeout(callback: () => void, delayMs: number): HostTimer;
  clearTimeout(timer: HostTimer): void;
  /** Calls back when everything that runs now, promises included, has run. */
  afterTurn(callback: () => void): void;
}

export interface HostTimer {
  ref(): unknown;
  unref(): unknown;
}

/** Near: one slot for each of the next 4,096 milliseconds. */
const nearBits = 12;
const nearSlots = 1 << nearBits;
/** Far: one slot for each 4,096 ms of the next 70 minutes; what is later goes round. */
const farSlots = 1024;

/**
 * Many timers on one timer of the machine: arming and cancelling is moving an entry in and out of a list.
 *
 * A timeout is nearly always cancelled, and a timer of Node's costs several times a call that is wrapped in
 * policies. Each millisecond of the near future has a list, found by its number; what is further away waits in
 * coarser lists and is dealt out when its time comes near, so nothing is ever late by more than a millisecond and
 * what the machine's timer is late by. Nothing is early. The machine's timer is armed for the first entry only,
 * and keeps the process alive only while something waits.
 *
 * Hashed and hierarchical timing wheels: Varghese and Lauck, SOSP 1987.
 */
export class TimerWheel {
  readonly #host: WheelHost;
  readonly #near = new Slots(nearSlots, this);
  readonly #far = new Slots(farSlots, this);
  /** Everything up to this millisecond, counted from the host's zero, has been dealt with. */
  #tick = 0;
  #pending = 0;
  #handle: HostTimer | undefined;
  /** What the machine's timer is armed for; no entry needs attention before it. */
  #armedTick = Number.POSITIVE_INFINITY;
  #running = false;
  #isReferenced = true;
  #looksAfterTurn = false;

  constructor(host: WheelHost) {
    this.#host = host;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#pending;
  }

  /** @param nowMs - The host's time. @param delayMs - Finite. */
  arm(nowMs: number, delayMs: number, timed: Timed): void {
    let dueTick = Math.ceil(nowMs + delayMs);
    if (dueTick - this.#tick >= nearSlots) this.#catchUp(nowMs);
    if (dueTick <= this.#tick) dueTick = this.#tick + 1;
    let wakeTick = dueTick;
    // The slot a whole round ahead is the one that may be being fired just now.
    if (dueTick - this.#tick < nearSlots) this.#near.append(timed, dueTick & (nearSlots - 1));
    else wakeTick = this.#putFar(timed, dueTick);
    this.#pending += 1;
    if (wakeTick < this.#armedTick) this.#wakeAt(wakeTick, nowMs);
    else if (!this.#isReferenced) this.#refer(true);
  }

  /**
   * Nothing waits before the armed instant, so the time up to it needs no visit; it is passed when that makes more of
   * the future near. While due entries are fired, others that are due may still stand before now: going past them
   * would put them off by a whole round.
   */
  #catchUp(nowMs: number): void {
    if (!this.#running) this.#tick = Math.max(this.#tick, Math.min(Math.floor(nowMs), this.#armedTick - 1));
  }

  /** One that waited waits no more. */
  left(): void {
    this.#pending -= 1;
    // Calls follow each other within a turn, and letting go of the process and holding it again costs as much as
    // arming and cancelling.
    if (this.#pending > 0 || this.#looksAfterTurn) return;
    this.#looksAfterTurn = true;
    this.#host.afterTurn(this.#letGo);
  }

  readonly #letGo = (): void => {
    this.#looksAfterTurn = false;
    if (this.#pending === 0 && this.#isReferenced) this.#refer(false);
  };

  #refer(referenced: boolean): void {
    this.#isReferenced = referenced;
    if (referenced) this.#handle?.ref();
    else this.#handle?.unref();
  }

  /** @returns when it first needs attention. */
  #putFar(timed: Timed, dueTick: number): number {
    const block = Math.floor(dueTick / nearSlots);
    timed.dueTick = dueTick;
    this.#far.append(timed, block & (farSlots - 1));
    return Math.min(block, Math.floor(this.#tick / nearSlots) + farSlots) * nearSlots;
  }

  #wakeAt(tick: number, nowMs: number): void {
    // Armed once for all when the due entries have fired.
    if (this.#running) return;
    if (this.#handle !== undefined) this.#host.clearTimeout(this.#handle);
    this.#armedTick = tick;
    this.#isReferenced = true;
    this.#handle = outsideOfAnyCall(() =>
      // Rounded up: Node truncates fractions.
      this.#host.setTimeout(() => this.#wake(), Math.max(1, Math.ceil(tick - nowMs))),
    );
  }

  #wake(): void {
    this.#handle = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
    this.#running = true;
    const nowTick = Math.floor(this.#host.now());
    let next = this.#nextTick();
    while (next <= nowTick) {
      this.#tick = next;
      if ((next & (nearSlots - 1)) === 0) this.#deal(Math.floor(next / nearSlots));
      const slot = next & (nearSlots - 1);
      for (let due = this.#near.first(slot); due !== undefined; due = this.#near.first(slot)) {
        this.#near.remove(due);
        this.#pending -= 1;
        fire(due);
      }
      next = this.#nextTick();
    }
    this.#tick = Math.max(this.#tick, nowTick);
    this.#running = false;
    if (this.#pending > 0) this.#wakeAt(next, this.#host.now());
  }

  /** Moves what falls into the block that begins now from the far list to the near ones. */
  #deal(block: number): void {
    const slot = block & (farSlots - 1);
    const later: Timed[] = [];
    for (let timed = this.#far.first(slot); timed !== undefined; timed = this.#far.first(slot)) {
      this.#far.remove(timed);
      if (Math.floor(timed.dueTick / nearSlots) === block) {
        this.#near.append(timed, timed.dueTick & (nearSlots - 1));
      } else later.push(timed);
    }
    for (const timed of later) this.#far.append(timed, slot);
  }

  /** The next millisecond at which a list needs attention; Infinity when all are empty. */
  #nextTick(): number {
    const near = this.#near.distance((this.#tick + 1) & (nearSlots - 1));
    const block = Math.floor(this.#tick / nearSlots) + 1;
    const far = this.#far.distance(block & (farSlots - 1));
    return Math.min(this.#tick + 1 + near, (block + far) * nearSlots);
  }
}

/** Runs what outlives a call outside of its async context, so that a timer keeps and shows no call's store. */
const outsideOfAnyCall: <T>(run: () => T) => T = AsyncLocalStorage.snapshot();

/** A ring of lists, in the order of arrival, and which of them are not empty. */
class Slots implements WaitsIn {
  readonly #first: (Timed | undefined)[];
  /** One bit for each slot that holds somebody, and for some that no longer do. */
  readonly #taken: Uint32Array;
  readonly #wheel: TimerWheel;

  constructor(slots: number, wheel: TimerWheel) {
    this.#first = new Array<Timed | undefined>(slots).fill(undefined);
    this.#taken = new Uint32Array(slots / 32);
    this.#wheel = wheel;
  }

  first(slot: number): Timed | undefined {
    return this.#first[slot];
  }

  append(timed: Timed, slot: number): void {
    timed.waitsIn = this;
    timed.slot = slot;
    const first = this.#first[slot];
    if (first === undefined) {
      timed.next = timed;
      timed.previous = timed;
      this.#first[slot] = timed;
      this.#taken[slot >>> 5] = (this.#taken[slot >>> 5] ?? 0) | (1 << (slot & 31));
      return;
    }
    // The list is a circle: the first one's previous is the last.
    const last = first.previous;
    timed.previous = last;
    timed.next = first;
    last.next = timed;
    first.previous = timed;
  }

  remove(timed: Timed): void {
    const { slot, next, previous } = timed;
    timed.waitsIn = undefined;
    if (next === timed) {
      this.#first[slot] = undefined;
      return;
    }
    previous.next = next;
    next.previous = previous;
    if (this.#first[slot] === timed) this.#first[slot] = next;
    // Who has gone must not keep its neighbours alive.
    timed.next = timed;
    timed.previous = timed;
  }

  leave(timed: Timed): void {
    this.remove(timed);
    this.#wheel.left();
  }

  /** How many slots after `from` the first one that is not empty comes; Infinity when none does. */
  distance(from: number): number {
    const words = this.#taken.length;
    for (let step = 0; step <= words; step += 1) {
      const word = ((from >>> 5) + step) % words;
      // The first word is looked at twice: from `from` on, and at the end what stands before it.
      let wanted = -1;
      if (step === 0) wanted = -1 << (from & 31);
      if (step === words) wanted = ~(-1 << (from & 31));
      const place = this.#firstTaken(word, wanted);
      if (place >= 0) return step * 32 + place - (from & 31);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The lowest of the wanted places of a word whose slot is not empty; -1 when all are. Forgets those that are. */
  #firstTaken(word: number, wanted: number): number {
    for (;;) {
      const taken = this.#taken[word] ?? 0;
      const bits = taken & wanted;
      if (bits === 0) return -1;
      const lowest = bits & -bits;
      const place = 31 - Math.clz32(lowest);
      if (this.#first[word * 32 + place] !== undefined) return place;
      this.#taken[word] = taken & ~lowest;
    }
  }
}

function fire(timed: Timed): void {
  try {
    timed.timeUp();
  } catch (error) {
    // Uncaught as from any timer, but the timers after it still fire.
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A callback that waits on a wheel. */
export class WheelTimer implements Timer, Timed {
  readonly timeUp: () => void;
  waitsIn: WaitsIn | undefined = undefined;
  dueTick = 0;
  slot = 0;
  next: Timed = this;
  previous: Timed = this;

  constructor(callback: () => void) {
    this.timeUp = callback;
  }

  cancel(): void {
    this.waitsIn?.leave(this);
  }
}

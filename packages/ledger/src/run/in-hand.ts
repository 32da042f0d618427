/**
 * How much of one group's work to have in hand.
 *
 * What is claimed is kept from other processes, and its lease runs: so it is as much as is ended within `aheadMs`, and
 * never less than can be worked on at once.
 */
class Window {
  size: number;
  count = 0;
  ended = 0;

  constructor(size: number) {
    this.size = size;
  }
}

/** Work that is claimed ahead ends within this time, as far as the last work tells. */
const aheadMs = 200;
/** What ended within less tells nothing of how fast it goes. */
const learnEveryMs = 20;
/** Beyond it, claiming more at a time saves nothing. */
const windowAtMost = 1_024;

/** What a resolver has claimed, by group of slots, and how much more it should claim. */
export class InHand {
  readonly #slots: number;
  readonly #share: () => number;
  readonly #windows = new Map<string, Window>();
  #adaptedAtMs: number;

  /**
   * @param slots - All of them.
   * @param share - What one group may have of them.
   */
  constructor(slots: number, share: () => number, nowMs: number) {
    this.#slots = slots;
    this.#share = share;
    this.#adaptedAtMs = nowMs;
  }

  took(group: string): void {
    this.#windowOf(group).count += 1;
  }

  left(group: string): void {
    const window = this.#windowOf(group);
    window.count -= 1;
    window.ended += 1;
  }

  /** It was given back as it was, so others may be quicker. */
  returned(group: string): void {
    const window = this.#windowOf(group);
    window.count -= 1;
    window.size = this.#share();
  }

  /** Whether more of this group should be claimed: ahead in halves of the window, and not one by one. */
  wants(group: string): boolean {
    return this.#wants(this.#windowOf(group));
  }

  /**
   * @returns the groups that have enough, and how many may be claimed of all others together so that none of them gets
   * too many.
   */
  room(): { readonly full: readonly string[]; readonly room: number } {
    const share = this.#share();
    const full: string[] = [];
    let room = Number.POSITIVE_INFINITY;
    let total = this.#slots;
    for (const [group, window] of this.#windows) {
      total += Math.max(0, window.size - share) - window.count;
      if (!this.#wants(window)) full.push(group);
      else if (window.count > 0) room = Math.min(room, window.size - window.count);
      else room = Math.min(room, Math.max(share, window.size));
    }
    return { full, room: Math.max(0, Math.min(total, room === Number.POSITIVE_INFINITY ? share : room)) };
  }

  /** Learns from what has ended since the last time. */
  adapt(nowMs: number): void {
    const share = this.#share();
    const elapsedMs = nowMs - this.#adaptedAtMs;
    if (elapsedMs < learnEveryMs) return;
    this.#adaptedAtMs = nowMs;
    for (const [group, window] of this.#windows) {
      const soon = Math.floor((window.ended / elapsedMs) * aheadMs);
      const next = Math.min(Math.max(soon, window.size / 2), 2 * window.size);
      window.size = Math.max(share, Math.min(Math.floor(next), windowAtMost));
      window.ended = 0;
      if (window.count === 0 && window.size === share) this.#windows.delete(group);
    }
  }

  #wants({ count, size }: Window): boolean {
    return size > this.#share() ? count <= size / 2 : count < size;
  }

  #windowOf(group: string): Window {
    const known = this.#windows.get(group);
    if (known !== undefined) return known;
    const made = new Window(this.#share());
    this.#windows.set(group, made);
    return made;
  }
}

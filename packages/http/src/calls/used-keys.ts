import type { Clock } from "@outrigger/core";

/** A key that a call uses. */
export interface KeyUse {
  /** @param written - Whether bytes of the request may have left. A key that nobody has seen is free again. */
  end(written: boolean): void;
}

interface Entry {
  readonly fingerprint: string;
  readonly forgetAtMs: number;
  calls: number;
  written: boolean;
}

/** How many keys are remembered: at about 200 bytes each it is 2 MB, and the last minute of 160 calls a second. */
export const maxUsedKeys = 10_000;

/**
 * Which request each idempotency key was used for, so that a key is not used for another one.
 *
 * Some providers compare and refuse the second request; others do not, and answer it as they answered the first: the
 * caller takes the first payment for the second. This memory is bounded and of this process alone, so it catches
 * mistakes in the program, and is not what keeps a change from being made twice: the provider's memory is.
 */
export class UsedKeys {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * @param scope - Where the key means one request: an operation.
   * @param windowMs - How long the provider remembers it, counted from its first use.
   * @returns undefined when the key stands for another request.
   */
  use(scope: string, key: string, fingerprint: string, windowMs: number): KeyUse | undefined {
    const id = `${scope}\n${key}`;
    const nowMs = this.#clock.now();
    const known = this.#entries.get(id);
    const isKnown = known !== undefined && known.forgetAtMs > nowMs;
    if (isKnown && known.fingerprint !== fingerprint) return undefined;
    const entry = isKnown ? known : { fingerprint, forgetAtMs: nowMs + windowMs, calls: 0, written: false };
    if (!isKnown) this.#remember(id, entry);
    entry.calls += 1;
    return { end: (written) => this.#end(id, entry, written) };
  }

  #remember(id: string, entry: Entry): void {
    // Deleted first, so that it stands at the end, behind everything that is older.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size <= maxUsedKeys) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  #end(id: string, entry: Entry, written: boolean): void {
    entry.calls -= 1;
    entry.written ||= written;
    if (entry.calls === 0 && !entry.written && this.#entries.get(id) === entry) this.#entries.delete(id);
  }
}

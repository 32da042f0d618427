import type { Effect } from "@outrigger/core";

/** What calls with one key have left behind. */
export interface Binding {
  /** Who has the change, or may have it; undefined while nobody can. */
  provider: string | undefined;
  /** What it may have done, by all calls so far. `none` where `provider` is undefined. */
  left: Effect;
  running: boolean;
}

/**
 * Which provider has, or may have, the change of a key that a caller gave.
 *
 * Without it the repetition of a call would go wherever the shares send it at that moment, and be made a second time by
 * a provider that has never heard of it. Held in memory, the latest ones only.
 */
export class KeyBindings {
  readonly #max: number;
  /** In the order of their last use. */
  readonly #bindings = new Map<string, Binding>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#bindings.size;
  }

  /**
   * A call with this key begins.
   *
   * @returns its binding; undefined while another call with the key runs.
   */
  begin(key: string): Binding | undefined {
    const known = this.#bindings.get(key);
    if (known?.running === true) return undefined;
    const binding = known ?? { provider: undefined, left: "none", running: true };
    binding.running = true;
    this.#bindings.delete(key);
    this.#bindings.set(key, binding);
    return binding;
  }

  /** The call has ended; a binding to nobody is forgotten. */
  end(key: string, binding: Binding): void {
    binding.running = false;
    if (binding.provider === undefined) this.#bindings.delete(key);
    for (const [oldest, each] of this.#bindings) {
      if (this.#bindings.size <= this.#max) return;
      if (!each.running) this.#bindings.delete(oldest);
    }
  }
}

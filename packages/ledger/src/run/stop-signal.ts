/** What of an `AbortSignal` is needed to stop work. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Stops all of a resolver's work. Listening costs the same however many do; with an `AbortSignal` it grows with them. */
export class Stopping implements StopSignal {
  readonly #listeners = new Set<() => void>();
  aborted = false;
  reason: unknown;

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = new DOMException("the resolver was stopped", "AbortError");
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  addEventListener(_: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** A signal for a user's function, made when it is first looked at: most functions that answer at once never do. */
export class LazySignal {
  #controller: AbortController | undefined;
  #reason: unknown;
  aborted = false;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

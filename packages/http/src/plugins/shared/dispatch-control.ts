import type { Dispatcher } from "undici";

/** How undici's callers steer an answer that comes through a dispatcher of ours. */
export class DispatchControl implements Dispatcher.DispatchController {
  /** Names and values in turn, as some handlers want them. */
  rawHeaders: Buffer[] = [];
  readonly #aborting = new AbortController();
  #paused: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  get aborted(): boolean {
    return this.#aborting.signal.aborted;
  }

  get paused(): boolean {
    return this.#paused !== undefined;
  }

  get reason(): Error | null {
    return this.aborted ? this.signal.reason : null;
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  abort(reason: Error): void {
    this.#aborting.abort(reason);
    this.resume();
  }

  pause(): void {
    if (!this.aborted) this.#paused ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** At once, unless the handler has paused. */
  async resumed(): Promise<void> {
    await this.#paused?.promise;
  }
}

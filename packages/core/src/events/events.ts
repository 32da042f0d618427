/** Something that happened, named by a past fact: `{ type: "breakerOpened", … }`. */
export interface Event {
  readonly type: string;
}

/** Hears events. What it throws is dropped: an observer never changes what it observes. */
export type Listener<E extends Event> = (event: E) => void;

/**
 * One typed stream of events to many listeners.
 *
 * A listener that throws changes nothing for the call, for the policy or for the other listeners.
 */
export class EventStream<E extends Event> {
  readonly #listeners = new Set<Listener<E>>();

  /** @returns a function that ends the subscription; calling it twice does nothing. */
  subscribe(listener: Listener<E>): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  readonly emit = (event: E): void => {
    for (const listener of this.#listeners) tell(listener, event);
  };
}

/** The same listener, made harmless: what it throws, or rejects with when it is async, is dropped. */
export function isolated<E extends Event>(listener: Listener<E>): Listener<E> {
  return (event) => tell(listener, event);
}

function tell<E extends Event>(listener: Listener<E>, event: E): void {
  try {
    // An async function passes for a listener, and its rejection would end the process.
    const promised: unknown = listener(event);
    if (promised instanceof Promise) promised.catch(() => {});
  } catch {
    // Isolated on purpose, see above.
  }
}

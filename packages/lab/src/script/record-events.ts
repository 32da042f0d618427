import type { Event, Listener, PolicyEvent } from "@outrigger/core";

export interface RecordedEvents<E extends Event> {
  /** Hand it to a policy: `retry({ onEvent: events.listen })`. */
  readonly listen: Listener<E>;
  /** In the order in which they happened. */
  readonly all: readonly E[];
  /** Only their types, for `expect(events.types).toEqual(["retryScheduled", "breakerOpened"])`. */
  readonly types: readonly E["type"][];
  /** Those of one type, with its fields. */
  of<T extends E["type"]>(type: T): readonly Extract<E, { readonly type: T }>[];
  /** Forgets what was recorded so far. */
  clear(): void;
}

/** Writes down what policies report, to be looked at afterwards. */
export function recordEvents<E extends Event = PolicyEvent>(): RecordedEvents<E> {
  const all: E[] = [];
  return {
    listen: (event) => void all.push(event),
    all,
    get types() {
      return all.map(({ type }) => type);
    },
    of: <T extends E["type"]>(type: T) =>
      all.filter((event): event is Extract<E, { readonly type: T }> => event.type === type),
    clear: () => void all.splice(0),
  };
}

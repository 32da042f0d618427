/** A call that is about to leave for another service. */
export interface ExternalCall {
  /** The integration's name, and its operation's. */
  readonly service: string;
  readonly operation: string;
  /** Host and port, as they stand in the URL. */
  readonly peer: string;
}

/**
 * Stands around every call that leaves through a client of Outrigger, in the caller's own async context. What it throws
 * before it calls `work` keeps the call from leaving.
 */
export type ExternalCallWatch = <T>(call: ExternalCall, work: () => Promise<T>) => Promise<T>;

interface Registry {
  readonly watches: Set<ExternalCallWatch>;
  /** All of them as one; undefined when there is none, so that a call costs one comparison. */
  around: ExternalCallWatch | undefined;
}

// Of the process and not of this copy of the package: a client of another copy must not slip through.
const key: unique symbol = Symbol.for("outrigger.externalCalls") as never;
const holder = globalThis as { [key]?: Registry };
holder[key] ??= { watches: new Set(), around: undefined };
const registry: Registry = holder[key];

/**
 * Lets `watch` stand around every external call of this process.
 *
 * @returns a function that ends it; calling it twice does nothing.
 */
export function watchExternalCalls(watch: ExternalCallWatch): () => void {
  registry.watches.add(watch);
  registry.around = composed();
  return () => {
    registry.watches.delete(watch);
    registry.around = composed();
  };
}

/** What a client has to call around each of its calls; undefined when nobody watches. */
export function externalCallWatch(): ExternalCallWatch | undefined {
  return registry.around;
}

function composed(): ExternalCallWatch | undefined {
  const [first, ...rest] = registry.watches;
  return rest.reduce<ExternalCallWatch | undefined>(
    (outer, inner) => outer && ((call, work) => outer(call, () => inner(call, work))),
    first,
  );
}

/** Who holds connections of a pool, by the place that took them. */
export interface Holder {
  /** The user's lines that took them, the nearest first; empty where none was looked at. */
  readonly takenAt: readonly string[];
  readonly connections: number;
  readonly longestMs: number;
}

interface AboutPool {
  readonly pool: string;
  readonly size: number;
  readonly inUse: number;
}

export type PoolEvent =
  /** A connection has been out for too long. Told again when that has doubled, and so on. */
  | ({
      readonly type: "connectionHeld";
      readonly heldMs: number;
      readonly takenAt: readonly string[];
    } & AboutPool)
  /** One of those came back. */
  | ({
      readonly type: "connectionReturned";
      readonly heldMs: number;
      readonly takenAt: readonly string[];
    } & AboutPool)
  /** Somebody waits for a connection, for too long; and who holds them. */
  | ({
      readonly type: "callersWaiting";
      readonly waiting: number;
      readonly longestMs: number;
      readonly holders: readonly Holder[];
    } & AboutPool)
  /** More and more connections stay out. At this rate none is left in so long. */
  | ({
      readonly type: "poolFilling";
      readonly exhaustedInMs: number;
      readonly holders: readonly Holder[];
    } & AboutPool);

/** What hears a watch that nobody listens to. */
export function warnOfPool(event: PoolEvent): void {
  const { pool, size, inUse, type } = event;
  process.emitWarning(`pool ${pool} (${inUse} of ${size} connections in use): ${textOf(event)}`, {
    type: "OutriggerWarning",
    code: codes[type],
  });
}

const codes: Readonly<Record<PoolEvent["type"], string>> = {
  connectionHeld: "CONNECTION_HELD",
  connectionReturned: "CONNECTION_RETURNED",
  callersWaiting: "CALLERS_WAITING",
  poolFilling: "POOL_FILLING",
};

function textOf(event: PoolEvent): string {
  switch (event.type) {
    case "connectionHeld":
      return `a connection taken at ${at(event.takenAt)} has been held for ${seconds(event.heldMs)}`;
    case "connectionReturned":
      return `the connection taken at ${at(event.takenAt)} is back after ${seconds(event.heldMs)}`;
    case "callersWaiting":
      return `${event.waiting} wait for one, the first for ${seconds(event.longestMs)}${held(event.holders)}`;
    case "poolFilling":
      return `at this rate none is left in about ${seconds(event.exhaustedInMs)}${held(event.holders)}`;
  }
}

function held(holders: readonly Holder[]): string {
  const [most] = holders;
  return most === undefined ? "" : `; ${most.connections} of them were taken at ${at(most.takenAt)}`;
}

function at(frames: readonly string[]): string {
  return frames[0] ?? "an unknown place";
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}

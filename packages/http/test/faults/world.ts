import type { HttpIntegrationOptions, PoolSnapshot } from "../../src/index.ts";
import type { operations } from "../support/harness.ts";

export type Settings = Partial<HttpIntegrationOptions<typeof operations>>;

/** How a fault strikes. */
export interface Strike {
  /** Whether the server does what it was asked for before it misbehaves. */
  readonly applies: boolean;
  /** How many times it misbehaves; from then on it is well. */
  readonly times: number;
}

/** A server that has a fault in it, and the books of what it did. */
export interface World {
  readonly url: string;
  readonly settings?: Settings | undefined;
  /** From now on the fault is in place. What came before was answered well. */
  arm(strike: Strike): void | Promise<void>;
  /** Whether the fault has hit the attempt that runs, the one after so many. */
  struck?(attempts: number, pool: PoolSnapshot): boolean;
  /** Called when an attempt of the call has ended. */
  attempted?(): void;
  /** Called when the call has ended, before the books are read. */
  settle?(): void | Promise<void>;
  /** Requests with this id that arrived, and how often they were applied. */
  books(id: string): Promise<{ sent: number; applied: number }> | { sent: number; applied: number };
  stop(): void | Promise<void>;
}

/** One way in which a service can fail. */
export interface Fault {
  /** Continues "The service …". */
  readonly name: string;
  readonly stage:
    | "connect"
    | "TLS"
    | "proxy"
    | "before the answer"
    | "head"
    | "body"
    | "idle"
    | "HTTP/2"
    | "status";
  /** Code of the failure while it lasts; undefined when it makes no call fail. */
  readonly code: string | undefined;
  /** Connections that it can strike: one that is made for the call, or one that has served before. */
  readonly on: readonly Connection[];
  /** Whether the service has acted when it strikes. */
  readonly acts: "never" | "perhaps" | "always";
  /** Only a timeout ends it. */
  readonly waits?: boolean | undefined;
  /** It holds what all share, so nothing may run beside it. */
  readonly alone?: boolean | undefined;
  /** @param secure - The same over TLS, where that makes sense. */
  readonly world: (secure?: boolean) => Promise<World>;
}

export type Connection = "fresh" | "reused";

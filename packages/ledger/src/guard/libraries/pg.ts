import { AsyncLocalStorage } from "node:async_hooks";
import type { Judge } from "../judge.ts";
import { databasePeers } from "../peer.ts";
import { capturePlace } from "../place.ts";
import { clockOfGuard, enter, TrackedTransaction } from "../transaction-scope.ts";
import { assertMethods, replaceMethod } from "./replace.ts";

type Query = (...args: unknown[]) => unknown;

/** The part of `pg`'s pool that the guard uses. */
export interface WatchedPgPool {
  connect(...args: never[]): unknown;
  addListener(event: string, listener: (...args: unknown[]) => void): unknown;
  removeListener(event: string, listener: (...args: unknown[]) => void): unknown;
  readonly options?: object;
}

/** The part of `pg`'s client that the guard uses. */
export interface WatchedPgClient {
  query(...args: never[]): unknown;
  getTransactionStatus?(): string | null;
}

const pgPort = 5432;

/** Watches every client that the pool hands out. @returns a function that ends it. */
export function watchPgPool(judge: Judge, pool: WatchedPgPool): () => void {
  assertMethods("pool", pool, ["connect", "addListener", "removeListener"], "a Pool of the package pg");
  judge.addDatabase(databasePeers(pool.options ?? {}, pgPort));
  const clients = new Map<unknown, WatchedClient>();
  const acquired = (client: unknown): void => {
    if (!clients.has(client)) clients.set(client, new WatchedClient(client as WatchedPgClient));
  };
  const released = (_error: unknown, client: unknown): void => clients.get(client)?.released();
  const removed = (client: unknown): void => {
    clients.get(client)?.leave();
    clients.delete(client);
  };
  pool.addListener("acquire", acquired);
  pool.addListener("release", released);
  pool.addListener("remove", removed);
  // A callback would run in the context of whoever had the connection made.
  const unbind = replaceMethod<Query>(
    pool,
    "connect",
    (connect) =>
      function (this: unknown, ...args) {
        return connect.apply(this, args.map(bound));
      },
  );
  return () => {
    unbind();
    pool.removeListener("acquire", acquired);
    pool.removeListener("release", released);
    pool.removeListener("remove", removed);
    for (const client of clients.values()) client.leave();
    clients.clear();
  };
}

/** One connection, and the transaction that its user has begun on it. */
class WatchedClient {
  readonly #client: WatchedPgClient;
  readonly #restore: () => void;
  #transaction: TrackedTransaction | undefined;
  #wasOpen = false;

  constructor(client: WatchedPgClient) {
    assertMethods(
      "client",
      client,
      ["query", "getTransactionStatus"],
      "a client of the package pg, 8.16 or newer",
    );
    this.#client = client;
    const { sending } = this;
    this.#restore = replaceMethod<Query>(
      client,
      "query",
      (query) =>
        function (this: unknown, ...args) {
          const refusal = sending(args);
          return refusal === undefined ? query.apply(this, args.map(bound)) : refused(args, refusal);
        },
    );
  }

  get #isInTransaction(): boolean {
    const status = this.#client.getTransactionStatus?.();
    return status === "T" || status === "E";
  }

  released(): void {
    this.#transaction?.end();
    this.#transaction = undefined;
  }

  leave(): void {
    this.released();
    this.#restore();
  }

  /** @returns why the statement must not be sent. */
  readonly sending = (args: readonly unknown[]): Error | undefined => {
    const text = textOf(args[0]);
    if (this.#isInTransaction) {
      this.#wasOpen = true;
      const spoiled = this.#transaction?.spoiled;
      return spoiled === undefined || endsWithout(text) ? undefined : spoiled;
    }
    // Whoever is still in its context must not be taken for a user of the next one.
    if (this.#wasOpen) this.released();
    if (begins(text)) this.#begin();
    return undefined;
  };

  #begin(): void {
    const clock = clockOfGuard();
    if (clock === undefined) return;
    this.released();
    this.#wasOpen = false;
    this.#transaction = new TrackedTransaction(
      "pg",
      capturePlace(this.sending),
      clock.now(),
      () => this.#isInTransaction,
    );
    enter(this.#transaction);
  }
}

/** After spaces and comments, which some libraries put in front. What only looks like it never becomes open. */
const beginning = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:begin|start\s+transaction)\b/i;

function begins(text: string): boolean {
  return beginning.test(text);
}

function endsWithout(text: string): boolean {
  return /^\s*(?:rollback|abort)\b/i.test(text);
}

function textOf(query: unknown): string {
  if (typeof query === "string") return query;
  const text: unknown = typeof query === "object" && query !== null ? Reflect.get(query, "text") : undefined;
  return typeof text === "string" ? text : "";
}

function bound(argument: unknown): unknown {
  return typeof argument === "function"
    ? AsyncLocalStorage.bind(argument as (...args: unknown[]) => unknown)
    : argument;
}

/** As `pg` refuses a statement: by the callback where there is one; a cursor or a stream has none yet. */
function refused(args: readonly unknown[], error: Error): unknown {
  const [query] = args;
  if (typeof query === "object" && query !== null && "submit" in query) throw error;
  const callback = args.at(-1);
  if (typeof callback !== "function") return Promise.reject(error);
  process.nextTick(() => callback(error));
  return undefined;
}

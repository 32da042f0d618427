import type { Judge } from "../judge.ts";
import { databasePeers } from "../peer.ts";
import { capturePlace, type Place } from "../place.ts";
import { clockOfGuard, enter, TrackedTransaction, within } from "../transaction-scope.ts";
import { assertMethods, replaceMethod } from "./replace.ts";

type Method = (...args: unknown[]) => unknown;

/** What `knex()` makes, by shape. */
export interface WatchedKnex {
  transaction(...args: never[]): unknown;
  /** On it stand the functions of which those of the outer object are a copy. */
  readonly context?: object;
  readonly client?: { readonly dialect?: string; readonly connectionSettings?: object };
}

interface Transactor {
  isCompleted(): boolean;
  commit(value?: unknown): unknown;
  rollback(error?: unknown): unknown;
}

/** MySQL and MariaDB; what is neither is taken for PostgreSQL. */
const ports: Readonly<Record<string, number>> = { mysql: 3306, mariadb: 3306 };

export function watchKnex(judge: Judge, knex: WatchedKnex): () => void {
  assertMethods("knex", knex, ["transaction", "raw"], "what knex() makes");
  const { client, context = knex } = knex;
  judge.addDatabase(databasePeers(client?.connectionSettings ?? {}, ports[client?.dialect ?? ""] ?? 5432));
  return replaceMethod<Method>(context, "transaction", (original) => {
    const watched: Method = function (this: unknown, ...args) {
      if (clockOfGuard() === undefined) return original.apply(this, args);
      const begunAt = capturePlace(watched);
      const [work, ...rest] = args;
      return typeof work === "function"
        ? original.call(this, asContainer(begunAt, work as Method), ...rest)
        : begunByItself(begunAt, () => original.apply(this, args) as Promise<Transactor>);
    };
    return watched;
  });
}

/** It is over when it has been completed, which a function that returns no promise does whenever it likes. */
function asContainer(begunAt: Place, work: Method): Method {
  return (running) => {
    const transaction = tracked(begunAt, () => running as Transactor);
    refuseCommit(running as Transactor, transaction, (failure) => Promise.reject(failure));
    return within(transaction, () => work(running));
  };
}

/** `await knex.transaction()`: the caller ends it. */
function begunByItself(begunAt: Place, begin: () => Promise<Transactor>): Promise<Transactor> {
  let running: Transactor | undefined;
  const transaction = tracked(begunAt, () => running);
  enter(transaction);
  return begin().then((begun) => {
    running = begun;
    // Nobody else would give the connection back.
    refuseCommit(begun, transaction, async (failure) => {
      await begun.rollback(failure);
      throw failure;
    });
    return begun;
  });
}

function tracked(begunAt: Place, running: () => Transactor | undefined): TrackedTransaction {
  const nowMs = clockOfGuard()?.now() ?? 0;
  return new TrackedTransaction("Knex", begunAt, nowMs, () => running()?.isCompleted() === false);
}

function refuseCommit(
  running: Transactor,
  transaction: TrackedTransaction,
  refuse: (failure: Error) => Promise<unknown>,
): void {
  replaceMethod<Method>(running, "commit", (commit) => (value) => {
    const { spoiled } = transaction;
    return spoiled === undefined ? commit.call(running, value) : refuse(spoiled);
  });
}

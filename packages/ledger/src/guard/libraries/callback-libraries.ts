import type { Judge } from "../judge.ts";
import { databasePeers } from "../peer.ts";
import { asWork } from "../run-in-transaction.ts";
import { assertMethods, replaceMethod } from "./replace.ts";

type Method = (...args: unknown[]) => unknown;

/** Lets a function that a library runs between BEGIN and COMMIT, and gets as an argument, be known as such. */
function watchCallback(holder: object, method: string, of: string): () => void {
  return replaceMethod<Method>(holder, method, (original) => {
    const watched: Method = function (this: unknown, ...args) {
      const work = (argument: unknown): unknown =>
        typeof argument === "function" ? asWork(of, watched, argument as Method) : argument;
      return original.apply(this, args.map(work));
    };
    return watched;
  });
}

/** postgres.js, by shape. */
export interface WatchedPostgres {
  begin(...args: never[]): unknown;
  readonly options?: object;
}

export function watchPostgres(judge: Judge, sql: WatchedPostgres): () => void {
  assertMethods("sql", sql, ["begin"], "what the package postgres makes");
  judge.addDatabase(databasePeers(sql.options ?? {}, 5432));
  return watchCallback(sql, "begin", "postgres.js");
}

/** A database of Drizzle, by shape. */
export interface WatchedDrizzle {
  transaction(...args: never[]): unknown;
}

export function watchDrizzle(db: WatchedDrizzle): () => void {
  assertMethods("db", db, ["transaction", "select"], "what drizzle() makes");
  return watchCallback(db, "transaction", "Drizzle");
}

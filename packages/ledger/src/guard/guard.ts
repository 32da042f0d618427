import { functionAt, nonEmptyString } from "@outrigger/core";
import { listenToChannels } from "./channels.ts";
import {
  type Dispatch,
  type DispatchOptions,
  type FetchLike,
  guardedDispatch,
  guardedFetch,
  watchIntegrations,
} from "./clients.ts";
import { Judge } from "./judge.ts";
import {
  type WatchedDrizzle,
  type WatchedPostgres,
  watchDrizzle,
  watchPostgres,
} from "./libraries/callback-libraries.ts";
import { type WatchedKnex, watchKnex } from "./libraries/knex.ts";
import { type WatchedKysely, watchKysely } from "./libraries/kysely.ts";
import { type WatchedPgPool, watchPgPool } from "./libraries/pg.ts";
import { type WatchedDataSource, watchTypeOrm } from "./libraries/typeorm.ts";
import { checkedGuardOptions, type GuardOptions } from "./options.ts";
import { capturePlace } from "./place.ts";
import { runInTransaction } from "./run-in-transaction.ts";
import { outside, putUpGuard } from "./transaction-scope.ts";

export interface GuardSnapshot {
  readonly mode: "fail" | "report";
  /** Calls that were made in transactions since the guard stands. */
  readonly callsInTransactions: number;
}

/**
 * Notices calls to other services that are made while the same async context holds an open transaction.
 *
 * Each `watch…` changes that one object, and nothing else of its library; `stop` gives everything back.
 */
export interface Guard {
  /** Sees what `begin` and `commit` do on every client of the pool. */
  watchPgPool(pool: WatchedPgPool): void;
  watchPostgres(sql: WatchedPostgres): void;
  watchKysely(db: WatchedKysely): void;
  watchDrizzle(db: WatchedDrizzle): void;
  watchKnex(knex: WatchedKnex): void;
  watchTypeOrm(dataSource: WatchedDataSource): void;
  /** Runs `work` as what happens in a transaction, for libraries that are not among these. */
  inTransaction<T>(of: string, work: () => T): T;
  /** Runs `work` as if no transaction was open: for what is started here, and waited for by nobody. */
  outside<T>(work: () => T): T;
  /** The same `fetch`, which fails with `CALL_IN_TRANSACTION` instead of leaving. */
  fetch<F extends FetchLike>(fetch: F): F;
  /** For `dispatcher.compose(guard.interceptor)` of undici; on the global dispatcher it covers Node's `fetch` too. */
  interceptor<Options extends DispatchOptions, Handler>(
    dispatch: Dispatch<Options, Handler>,
  ): Dispatch<Options, Handler>;
  snapshot(): GuardSnapshot;
  /** Takes the guard down. Stopping twice does nothing. */
  stop(): void;
}

/**
 * Puts up the guard of this process.
 *
 * Functions of ledger operations that run in a transaction, and integrations of `@outrigger/http`, are known to it
 * without a word.
 *
 * @throws TypeError when there is one already; TypeError or RangeError that names the option, the value and the fix.
 */
export function guardTransactions(options: GuardOptions = {}): Guard {
  const settings = checkedGuardOptions(options);
  const judge = new Judge(settings);
  const undo = [
    putUpGuard(settings.clock),
    listenToChannels(judge, settings.sockets),
    watchIntegrations(judge),
  ];
  const guard: Guard = {
    watchPgPool: (pool) => void undo.push(watchPgPool(judge, pool)),
    watchPostgres: (sql) => void undo.push(watchPostgres(judge, sql)),
    watchKysely: (db) => void undo.push(watchKysely(db)),
    watchDrizzle: (db) => void undo.push(watchDrizzle(db)),
    watchKnex: (knex) => void undo.push(watchKnex(judge, knex)),
    watchTypeOrm: (dataSource) => void undo.push(watchTypeOrm(judge, dataSource)),
    inTransaction(of, work) {
      functionAt("inTransaction.work", work);
      return runInTransaction(
        nonEmptyString("inTransaction.of", of),
        capturePlace(guard.inTransaction),
        work,
      );
    },
    outside(work) {
      functionAt("outside.work", work);
      return outside(work);
    },
    fetch(fetch) {
      functionAt("fetch", fetch);
      return guardedFetch(judge, fetch);
    },
    interceptor: (dispatch) => guardedDispatch(judge, dispatch),
    snapshot: () => ({ mode: settings.mode, callsInTransactions: judge.reports.calls }),
    stop() {
      for (const each of undo.splice(0).reverse()) each();
    },
  };
  return guard;
}

import { capturePlace } from "../place.ts";
import { asWork } from "../run-in-transaction.ts";
import { clockOfGuard, enter, TrackedTransaction } from "../transaction-scope.ts";
import { assertMethods, replaceMethod } from "./replace.ts";

type Method = (...args: unknown[]) => unknown;

/** A database of Kysely, by shape. */
export interface WatchedKysely {
  transaction(): unknown;
  startTransaction(): unknown;
}

const of = "Kysely";
/** These give another object of the same database. */
const derived: readonly string[] = ["withPlugin", "withoutPlugins", "withSchema", "withTables"];

export function watchKysely(db: WatchedKysely): () => void {
  assertMethods("db", db, ["transaction", "startTransaction"], "a Kysely");
  const undo = [
    replaceMethod<Method>(
      db,
      "transaction",
      (original) => () => watchedBuilder(original.call(db) as Builder),
    ),
    replaceMethod<Method>(
      db,
      "startTransaction",
      (original) => () => controlled(original.call(db) as Builder),
    ),
    ...derived
      .filter((name) => name in db)
      .map((name) =>
        replaceMethod<Method>(db, name, (original) => (...args) => {
          const other = original.apply(db, args) as WatchedKysely;
          watchKysely(other);
          return other;
        }),
      ),
  ];
  return () => {
    for (const each of undo) each();
  };
}

interface Builder {
  setIsolationLevel(...args: never[]): Builder;
  setAccessMode(...args: never[]): Builder;
  execute(...args: never[]): unknown;
}

function watchedBuilder(builder: Builder): Builder {
  settingsStayWatched(builder, watchedBuilder);
  replaceMethod<Method>(builder, "execute", (execute) => {
    const watched: Method = (work) =>
      execute.call(builder, typeof work === "function" ? asWork(of, watched, work as Method) : work);
    return watched;
  });
  return builder;
}

/** A transaction that the caller ends itself, on an object that says whether that has happened. */
function controlled(builder: Builder): Builder {
  settingsStayWatched(builder, controlled);
  replaceMethod<Method>(builder, "execute", (execute) => {
    const watched: Method = () => {
      const clock = clockOfGuard();
      if (clock === undefined) return execute.call(builder);
      let running: Controlled | undefined;
      const isOpen = (): boolean => running !== undefined && !running.isCommitted && !running.isRolledBack;
      const transaction = new TrackedTransaction(of, capturePlace(watched), clock.now(), isOpen);
      enter(transaction);
      return (execute.call(builder) as Promise<Controlled>).then((begun) => {
        running = begun;
        refuseCommit(begun, transaction);
        return begun;
      });
    };
    return watched;
  });
  return builder;
}

interface Controlled {
  readonly isCommitted: boolean;
  readonly isRolledBack: boolean;
}

function refuseCommit(running: Controlled, transaction: TrackedTransaction): void {
  replaceMethod<Method>(running, "commit", (commit) => () => {
    if (transaction.spoiled !== undefined) throw transaction.spoiled;
    return commit.call(running);
  });
}

function settingsStayWatched(builder: Builder, watch: (builder: Builder) => Builder): void {
  for (const name of ["setIsolationLevel", "setAccessMode"]) {
    replaceMethod<Method>(
      builder,
      name,
      (original) =>
        (...args) =>
          watch(original.apply(builder, args) as Builder),
    );
  }
}

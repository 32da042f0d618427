/** A way to break the product that its tests have to notice. */
export interface Sabotage {
  /** What no longer holds. */
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
  /** Test files or folders, of which at least one has to fail. */
  readonly tests: readonly string[];
}

const core = (path: string): string => `packages/core/src/${path}`;
const http = (path: string): string => `packages/http/src/${path}`;
const ledger = (path: string): string => `packages/ledger/src/${path}`;
const lab = (path: string): string => `packages/lab/src/${path}`;
const shop = (path: string): string => `examples/shop/src/${path}`;

export const sabotages: readonly Sabotage[] = [
  {
    name: "the fence on the outcome's update is gone",
    file: ledger("store/postgres/functions-9.ts"),
    from: "where p.id = any(array[m.id]) and p.fence = m.fence and p.state = p_from",
    to: "where p.id = any(array[m.id])",
    tests: ["packages/ledger/test/statements.test.ts"],
  },
  {
    name: "the call is made before the intent is committed",
    file: ledger("run/intent.ts"),
    from: "await store.inserting([fresh], async ([inserted], tx, query) => {",
    to: `await ((rows: readonly NewOperation[], work: Parameters<typeof store.inserting<void>>[1]): Promise<void> =>
      new Promise<void>((resolve, reject) => {
        store
          .inserting<void>(rows, async (...given) => {
            await work(...given);
            resolve();
            await new Promise((later) => engine.clock.setTimer(1_500, () => later(undefined)));
          })
          .catch(reject);
      }))([fresh], async ([inserted], tx, query) => {`,
    tests: ["packages/ledger/test/lost-commit.test.ts", "packages/ledger/test/crash.test.ts"],
  },
  {
    name: "another provider is asked also when the first may have acted",
    file: ledger("state/transitions.ts"),
    from: 'unclear: [{ when: "cancelAtOnce", to: "CANCELLING" }, { to: "UNKNOWN" }],',
    to: 'unclear: [{ when: "anotherProvider", to: "SENDING", nextProvider: true }, { to: "UNKNOWN" }],',
    tests: ["packages/ledger/src/state"],
  },
  {
    name: "a concurrency slot is never given back",
    file: core("concurrency/concurrency-limit.ts"),
    from: "this.#inUse -= 1;",
    to: "this.#inUse -= 0;",
    tests: ["packages/core"],
  },
  {
    name: "what is not found is taken as not done",
    file: ledger("state/transitions.ts"),
    from: '{ when: "mayResend", to: "SENDING" },',
    to: '{ to: "FAILED", business: "abandon" },',
    tests: ["packages/ledger/src/state"],
  },
  {
    name: "there is a way back from cancelling",
    file: ledger("state/transitions.ts"),
    from: 'succeeded: [{ to: "CANCELLING" }],',
    to: 'succeeded: [{ to: "DONE", business: "commit" }],',
    tests: ["packages/ledger/src/state"],
  },
  {
    name: "an ended lease is read as not sent",
    file: ledger("state/transitions.ts"),
    from: 'never read as "not sent".\n    claimed: [{ to: "UNKNOWN" }],',
    to: 'never read as "not sent".\n    claimed: [{ to: "FAILED", business: "abandon" }],',
    tests: ["packages/ledger/src/state"],
  },
  {
    name: "a key may be used again for another request",
    file: ledger("run/run.ts"),
    from: "if (row.fingerprint === fingerprint) return outcomeOf(row);",
    to: "if (row.fingerprint !== undefined) return outcomeOf(row);",
    tests: ["packages/ledger/test/checkout.test.ts"],
  },
  {
    name: "on SQLite the fence on the outcome's update is gone",
    file: ledger("store/sqlite/moves.ts"),
    from: 'm["id"]} and fence = ',
    to: 'm["id"]} and 0 <> ',
    tests: ["packages/ledger/test/on-sqlite.test.ts"],
  },
  {
    name: "on MariaDB the fence on the outcome's update is gone",
    file: ledger("store/mariadb/move.ts"),
    from: "where o.fence = m.fence and o.state = m.\\`from\\`",
    to: "where o.state = m.\\`from\\`",
    tests: ["packages/ledger/test/on-mariadb.test.ts"],
  },
  {
    name: "a call that may have acted is retried without a key",
    file: core("retry/decide-retry.ts"),
    from: 'if (!(worst === "none" || (worst === "unknown" && context.idempotent))) return no("notSafe");',
    to: 'if (worst === "done") return no("notSafe");',
    tests: ["packages/core"],
  },
  {
    name: "a refused connection hides that the attempt before it may have acted",
    file: core("retry/retry.ts"),
    from: "const worst = worseEffect(worstBefore, verdictOf(error).effect);",
    to: "const worst = verdictOf(error).effect;",
    tests: ["packages/core"],
  },
  {
    name: "a late answer of an earlier state moves the breaker",
    file: core("breaker/circuit.ts"),
    from: "if (generation !== this.#generation) {",
    to: "if (generation > this.#generation) {",
    tests: ["packages/core"],
  },
  {
    name: "a hung probe keeps the breaker half-open for ever",
    file: core("breaker/circuit.ts"),
    from: "trial.overdueInMs(rules, nowMs) === 0",
    to: "trial.overdueInMs(rules, nowMs) < 0",
    tests: ["packages/core"],
  },
  {
    name: "bytes leave while the effect still says none",
    file: http("transport/exchange.ts"),
    from: 'this.#context.record("unknown");',
    to: 'this.#context.record("none");',
    tests: ["packages/http"],
  },
  {
    name: "an answer to a resend undoes the request that was sent before it",
    file: http("transport/judge.ts"),
    from: "const sentBefore = writtenResends > 0;",
    to: "const sentBefore = writtenResends > 99;",
    tests: ["packages/http"],
  },
  {
    name: "a written request that nobody may repeat is sent again",
    file: http("classify/resend.ts"),
    from: "loss.reused && !loss.answered && repeatable && spent",
    to: "loss.reused && !loss.answered && spent",
    tests: ["packages/http"],
  },
  {
    name: "a waiter that gave up keeps its place in the queue",
    file: http("pool/waiters.ts"),
    from: "if (!node.queued) return false;",
    to: "if (node.queued) return true;",
    tests: ["packages/http"],
  },
  {
    name: "a lost answer of a provider counts as nothing applied",
    file: http("classify/status.ts"),
    from: 'if (passing.has(status)) return { effect, kind: "failed", transient: true };',
    to: "if (passing.has(status)) return notApplied;",
    tests: ["packages/http"],
  },
  {
    name: "a cancelled key does not stop a late charge",
    file: lab("provider/books.ts"),
    from: 'if (known !== undefined && "kind" in known && known.kind === "blocked")',
    to: 'if (known !== undefined && "kind" in known && known.kind === "declined" && known === null)',
    tests: ["packages/lab"],
  },
  {
    name: "an order id may be used again with another amount",
    file: shop("shop/order.ts"),
    from: "row.amount === order.amount && ",
    to: "",
    tests: ["examples/shop/test/checkout.test.ts"],
  },
  {
    name: "the audit does not see a second charge",
    file: shop("audit/order-book.ts"),
    from: 'if (charges.length > 1) return "chargedTwice";',
    to: 'if (charges.length > 99) return "chargedTwice";',
    tests: ["examples/shop/src/audit"],
  },
  {
    name: "a card that was declined is tried at the next provider",
    file: shop("shop/protected-lane.ts"),
    from: 'unknown: { notFoundAfter: "3s", retryMax: "3s" },',
    to: 'failoverOnRefusal: true, unknown: { notFoundAfter: "3s", retryMax: "3s" },',
    tests: ["examples/shop/test/checkout-on-each.test.ts"],
  },
  {
    name: "an order that its customer took back is paid all the same",
    file: shop("database/sqlite.ts"),
    from: " and not withdrawn`",
    to: "`",
    tests: ["examples/shop/test/database.test.ts"],
  },
];

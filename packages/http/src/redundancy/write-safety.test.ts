import { CallContext, Failure, loadBudget } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HttpResponse } from "../response.ts";
import { RedundancyFailure } from "./redundancy-failure.ts";
import type { ProviderIntegration } from "./redundancy-options.ts";
import { redundantIntegration } from "./redundant-integration.ts";
import { redundantWrite, type Settlement, type WriteThrough } from "./redundant-operation.ts";

/** What becomes of one charge at a provider; `late` is applied after everything else, unless its key was blocked. */
const outcomes = [
  "ok",
  "none",
  "rejected",
  "refused",
  "lostApplied",
  "lostUnapplied",
  "unreadable",
  "late",
] as const;
/** What a provider's `settle` is like. The inquiry says "not there" only where nothing can arrive late. */
const settles = ["absent", "inquiry", "cancel", "cancelLost", "throws", "garbage"] as const;
type Outcome = (typeof outcomes)[number];
type Settle = (typeof settles)[number];
type Plan = { readonly settle: Settle; readonly calls: readonly Outcome[] };

/** A provider that keeps books: a key is charged once, and never after it was cancelled. */
class Books {
  readonly charged = new Set<string>();
  readonly blocked = new Set<string>();
  readonly late: string[] = [];
  readonly seen: string[] = [];
  readonly plan: Plan;
  #call = 0;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  apply(key: string): void {
    if (!this.blocked.has(key)) this.charged.add(key);
  }

  arriveLate(): void {
    for (const key of this.late.splice(0)) this.apply(key);
  }

  charge(key: string): HttpResponse {
    this.seen.push(key);
    const outcome = this.plan.calls[this.#call++] ?? "ok";
    if (outcome === "none") throw new Failure("refused connection", { code: "CONNECT", effect: "none" });
    if (outcome === "rejected") throw new Failure("open", { code: "OPEN", effect: "none", kind: "rejected" });
    // Who has charged a key, or blocked it, answers for that key as before.
    if (outcome === "refused" && !this.charged.has(key)) throw declined();
    if (outcome === "lostUnapplied") throw lost();
    if (outcome === "late") {
      this.late.push(key);
      throw lost();
    }
    this.apply(key);
    if (outcome === "lostApplied") throw lost();
    if (this.blocked.has(key)) throw declined();
    return answer(outcome === "unreadable" ? 299 : 200);
  }

  async settle(key: string): Promise<Settlement<string>> {
    const { settle } = this.plan;
    if (settle === "inquiry") {
      if (this.charged.has(key)) return { status: "done", result: "found" };
      return { status: this.late.includes(key) ? "unknown" : "notThere" };
    }
    if (settle === "throws") throw new Error("the inquiry failed");
    if (settle === "garbage") return { status: "gone" } as never;
    this.charged.delete(key);
    this.blocked.add(key);
    if (settle === "cancelLost") throw lost();
    return { status: "cancelled" };
  }

  get integration(): ProviderIntegration {
    return {
      name: "fake",
      request: async (_operation, options = {}) => this.charge(options.key ?? ""),
      snapshot: () => ({ breaker: null, breakers: {} }),
    };
  }

  get through(): WriteThrough<string, string> {
    return {
      operation: "charge",
      request: (_order, { key }) => ({ key }),
      answer({ status }) {
        if (status === 299) throw new Error("the answer is no charge");
        return "paid";
      },
      ...(this.plan.settle === "absent" ? {} : { settle: (_order, { key }) => this.settle(key) }),
    };
  }
}

const lost = (): Failure => new Failure("connection lost", { code: "LOST", effect: "unknown" });
const declined = (): Failure =>
  new Failure("declined", { code: "DECLINED", effect: "none", kind: "refused" });
const answer = (status: number): HttpResponse =>
  new HttpResponse(status, {}, new Uint8Array(), (why) => new Error(why));

/** Calls once for each repetition with one key, then lets everything late arrive, and checks what has come of it. */
async function check(plans: readonly Plan[], repetitions: number): Promise<void> {
  const books = plans.map((plan) => new Books(plan));
  const named = books.map((each, index) => [`p${index}`, each] as const);
  const clock = new VirtualClock();
  let draw = 0;
  const payments = redundantIntegration({
    name: "payments",
    providers: Object.fromEntries(named.map(([name, { integration }]) => [name, { integration }])),
    operations: {
      charge: redundantWrite<string, string>({
        providers: Object.fromEntries(named.map(([name, { through }]) => [name, through])),
      }),
    },
    budget: loadBudget({ minPerSecond: 1_000 }),
    clock,
    // Every repetition would go to another provider, if it were free to.
    random: () => (draw++ % 2 === 0 ? 0 : 0.99),
  });
  let paidAt: string | undefined;
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const result = await payments
      .call("charge", "order", { key: "order-1" })
      .catch((error: unknown) => error);
    const charged = named.filter(([, each]) => each.charged.size > 0).map(([name]) => name);
    const may = named.filter(([, each]) => each.charged.size + each.late.length > 0).map(([name]) => name);
    expect(charged.length, "charged at two providers").toBeLessThanOrEqual(1);
    if (paidAt !== undefined) expect(charged, "a success was taken back by a repetition").toEqual([paidAt]);
    if (RedundancyFailure.is(result)) {
      const possible = may.filter((name) => {
        const { late, charged, blocked } = books[Number(name.slice(1))] as Books;
        return charged.size > 0 || late.some((key) => !blocked.has(key));
      });
      if (result.effect === "none")
        expect(possible, "charged, and the failure says that it was not").toEqual([]);
      if (result.effect !== "none") expect(result.provider, "nobody to ask").toBeDefined();
      if (possible.length > 0) expect([result.provider], "the one to ask is another").toEqual(possible);
    } else {
      if (result instanceof Error) throw result;
      paidAt = (result as { provider: string }).provider;
      expect(charged, "a success that was not charged there").toEqual([paidAt]);
    }
  }
  for (const each of books) each.arriveLate();
  const net = books.filter(({ charged }) => charged.size > 0).length;
  expect(net, "charged at two providers in the end").toBeLessThanOrEqual(1);
  const keys = books.flatMap(({ seen }) => [...new Set(seen)]);
  expect(new Set(keys).size, "two providers saw the same key").toBe(keys.length);
  for (const { seen } of books) expect(new Set(seen).size).toBeLessThanOrEqual(1);
  expect(clock.pending).toBe(0);
}

test("no order is charged at two providers, whatever two of them do with a call and with its repetition", {
  timeout: 300_000,
}, async () => {
  for (const settleA of settles) {
    for (const settleB of settles) {
      for (const first of outcomes) {
        for (const second of outcomes) {
          for (const then of ["ok", "none", "late"] as const) {
            const plans = [
              { settle: settleA, calls: [first, then] },
              { settle: settleB, calls: [second, then] },
            ];
            await check(plans, 2);
          }
        }
      }
    }
  }
});

test("nor whatever three of them do with three repetitions", async () => {
  const plan = fc.record({
    settle: fc.constantFrom(...settles),
    calls: fc.array(fc.constantFrom(...outcomes), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 2, maxLength: 3 }), fc.integer({ min: 1, max: 3 }), check),
    { numRuns: 2_000 },
  );
});

test("a call leaves nothing behind at its end: no context, no timer, no listener", async () => {
  const controller = new AbortController();
  const books = new Books({ settle: "cancel", calls: ["lostApplied"] });
  const clock = new VirtualClock();
  const payments = redundantIntegration({
    name: "payments",
    providers: { a: { integration: books.integration } },
    operations: { charge: redundantWrite<string, string>({ providers: { a: books.through } }) },
    clock,
  });
  const { signal } = controller;
  const added: unknown[] = [];
  const removed: unknown[] = [];
  const watched = Object.assign(Object.create(signal), {
    addEventListener: (...given: Parameters<typeof signal.addEventListener>) => added.push(given[1]),
    removeEventListener: (...given: Parameters<typeof signal.removeEventListener>) => removed.push(given[1]),
  }) as AbortSignal;
  Object.defineProperty(watched, "aborted", { value: false });
  await payments.call("charge", "order", { signal: watched }).catch(() => {});
  expect([added.length, removed]).toEqual([1, added]);
  expect(clock.pending).toBe(0);
  expect(payments.snapshot().calls.running).toBe(0);
  expect(new CallContext().isOutlived).toBe(false);
});

import type { LoadBudget, Reservation } from "../budget/load-budget.ts";
import type { Timer } from "../clock/clock.ts";
import { type Call, invoke } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { coreFailureCodes, type Effect, Failure, verdictOf, worseEffect } from "../failure/failure.ts";
import type { LatencyEstimate } from "../latency/latency-estimate.ts";
import type { Observer } from "../options/policy-options.ts";
import { carrying } from "../retry/carrying.ts";

export interface HedgeRules {
  readonly maxHedges: number;
  readonly budget: LoadBudget;
  /** Undefined where the delay is fixed. */
  readonly latency: LatencyEstimate | undefined;
  readonly observer: Observer;
  readonly counts: { started: number; refused: number; won: number };
}

interface Branch {
  /** 0 is the first call. */
  readonly hedge: number;
  readonly part: CallContext;
  readonly startedAtMs: number;
  readonly reservation: Reservation | undefined;
}

/** One call and its hedges, until one of them answers. */
export class HedgeRace<I, O> {
  readonly answer: Promise<O>;
  readonly #next: Call<I, O>;
  readonly #input: I;
  readonly #context: CallContext;
  readonly #delayMs: number;
  readonly #rules: HedgeRules;
  readonly #startedAtMs: number;
  /** Calls that are out, and the work of each. */
  readonly #running = new Map<Branch, Promise<O>>();
  #resolve: (value: O) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #timer: Timer | undefined;
  #forget: (() => void) | undefined;
  #settled = false;
  #worst: Effect = "none";
  /** The failure to end with: the last one that came from the other side, if any did. */
  #failure: unknown;
  #failed = false;

  constructor(next: Call<I, O>, input: I, context: CallContext, delayMs: number, rules: HedgeRules) {
    this.#next = next;
    this.#input = input;
    this.#context = context;
    this.#delayMs = delayMs;
    this.#rules = rules;
    this.#startedAtMs = context.clock.now();
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#start(0, undefined);
    this.#plan(1);
    // Listens only now, because the call may abort itself before it returns its promise.
    this.#forget = context.onAbort((reason) => {
      this.#end(undefined);
      this.#reject(carrying(reason, this.#worst));
    });
    if (this.#settled) this.#forget();
  }

  #start(hedge: number, reservation: Reservation | undefined): void {
    const part = this.#context.child();
    const branch: Branch = { hedge, part, startedAtMs: this.#context.clock.now(), reservation };
    const work = invoke(this.#next, this.#input, part);
    this.#running.set(branch, work);
    work.then(
      (value) => this.#succeeded(branch, value),
      (error: unknown) => this.#failedWith(branch, error),
    );
  }

  /** Arms the timer for a hedge, unless it would come too late to matter. */
  #plan(hedge: number): void {
    if (this.#settled || hedge > this.#rules.maxHedges || !(this.#delayMs < this.#context.leftMs)) return;
    this.#timer = this.#context.clock.setTimer(this.#delayMs, () => this.#due(hedge));
  }

  /**
   * Room is taken at the moment the hedge starts and not when its timer is armed: nothing lies between decision
   * and start, so no two can pass together, and the many calls that answer in time need not hold any.
   */
  #due(hedge: number): void {
    const { budget, counts, observer } = this.#rules;
    const nowMs = this.#context.clock.now();
    const reservation = budget.reserve(nowMs);
    if (reservation === undefined) {
      counts.refused += 1;
      observer.emit?.({ type: "hedgeRefused", ...this.#who, hedge, why: "budgetExhausted" });
      return;
    }
    counts.started += 1;
    observer.emit?.({
      type: "hedgeStarted",
      ...this.#who,
      hedge,
      afterMs: nowMs - this.#startedAtMs,
    });
    this.#start(hedge, reservation);
    this.#plan(hedge + 1);
  }

  /** For events. */
  get #who(): { readonly name: string | undefined; readonly operation: string | undefined } {
    return { name: this.#rules.observer.name, operation: this.#context.operation };
  }

  #succeeded(branch: Branch, value: O): void {
    if (this.#settled) return;
    const { budget, counts, latency, observer } = this.#rules;
    const nowMs = this.#context.clock.now();
    latency?.observe(nowMs - branch.startedAtMs, nowMs);
    budget.succeeded?.();
    if (branch.hedge > 0) {
      counts.won += 1;
      observer.emit?.({ type: "hedgeWon", ...this.#who, hedge: branch.hedge });
    }
    this.#end(branch);
    this.#resolve(value);
  }

  #failedWith(branch: Branch, error: unknown): void {
    if (this.#settled) return;
    const { budget, latency } = this.#rules;
    const nowMs = this.#context.clock.now();
    const { kind, effect, transient } = verdictOf(error);
    this.#worst = worseEffect(this.#worst, effect);
    // What this call left behind stays the whole's own while the others run.
    this.#context.record(this.#worst);
    if (kind === "rejected" && effect === "none") branch.reservation?.refund();
    if (kind === "failed" && transient) budget.failed?.();
    if (kind === "refused") {
      latency?.observe(nowMs - branch.startedAtMs, nowMs);
      this.#end(branch);
      this.#reject(carrying(error, this.#worst));
      return;
    }
    this.#running.delete(branch);
    branch.part.end();
    if (kind !== "rejected" || !this.#failed) this.#failure = error;
    this.#failed = true;
    if (this.#running.size > 0) return;
    this.#end(undefined);
    this.#reject(carrying(this.#failure, this.#worst));
  }

  /** Stops the timer and every call but the winner, which may still be reading its answer. */
  #end(winner: Branch | undefined): void {
    this.#settled = true;
    this.#timer?.cancel();
    this.#forget?.();
    const nowMs = this.#context.clock.now();
    for (const [branch, work] of this.#running) {
      const { part } = branch;
      if (branch !== winner) {
        this.#rules.latency?.censor(nowMs - branch.startedAtMs, nowMs);
        this.#worst = worseEffect(this.#worst, part.effect);
        part.abort(lost(part.effect));
        this.#context.leaveRunning(work);
      }
      part.end();
    }
    this.#running.clear();
  }
}

function lost(effect: Effect): Failure {
  return new Failure("another call for the same answer was faster", {
    code: coreFailureCodes.hedgeLost,
    effect,
    kind: "aborted",
  });
}

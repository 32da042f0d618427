import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import { coreFailureCodes, Failure, verdictOf } from "../failure/failure.ts";
import { rejection } from "../failure/rejection.ts";
import type { Observer } from "../options/policy-options.ts";
import { yesOrNo } from "../options/user-functions.ts";
import type { Gate, GateOutcome } from "../pipeline/gate.ts";
import type { AdaptiveSettings } from "./adaptive-concurrency-options.ts";
import { describeMove } from "./describe-move.ts";
import type { Limiter } from "./limiter.ts";

/** What stands between the engine and the limiter: judgement of outcomes, failures and events. */
export class AdaptiveGate implements Gate {
  settings: AdaptiveSettings;
  rejected = 0;
  /** Calls that timed out or were throttled, also those that say nothing new. */
  drops = 0;
  readonly #limiter: Limiter;
  readonly #observer: Observer;
  #reported: number;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: AdaptiveSettings, limiter: Limiter, observer: Observer) {
    this.settings = settings;
    this.#limiter = limiter;
    this.#observer = observer;
    this.#reported = limiter.limit;
  }

  admit(nowMs: number): number {
    return this.#limiter.admit(nowMs);
  }

  rejection(_nowMs: number, { operation }: CallContext): Failure {
    this.rejected += 1;
    const { retryAfterMs } = this.settings;
    const code = coreFailureCodes.adaptiveLimitReached;
    const { allowed: limit } = this.#limiter;
    const { name, emit } = this.#observer;
    emit?.({ type: "limitReached", name, operation, code, limit, retryAfterMs });
    const whose = name === undefined ? "" : ` of ${name}`;
    return rejection(
      () =>
        `the adaptive concurrency limit${whose} (${limit} now) is reached; ` +
        `try again in ${durationText(retryAfterMs)}`,
      { code, retryAfterMs },
    );
  }

  settle(token: number, outcome: GateOutcome, nowMs: number, startedAtMs: number, error: unknown): void {
    const elapsedMs = nowMs - startedAtMs;
    this.#limiter.answered();
    // A refusal says nothing here: it may come long before the work would have begun.
    if (outcome === "success" && error === undefined) this.#limiter.succeeded(token, elapsedMs, nowMs);
    else if (outcome === "failure" && this.#isDrop(error, elapsedMs)) {
      this.drops += 1;
      this.#limiter.dropped(token, nowMs);
    }
    this.report(nowMs);
  }

  workEnded(): void {
    this.#limiter.workEnded();
  }

  /** Tells the listener of a limit that has moved, once in a while. */
  report(nowMs: number): void {
    const { limit, lastMove, inUse } = this.#limiter;
    if (limit === this.#reported || nowMs - this.#reportedAtMs < reportEveryMs) return;
    const { name, emit } = this.#observer;
    const from = this.#reported;
    this.#reported = limit;
    this.#reportedAtMs = nowMs;
    if (emit === undefined || lastMove === undefined) return;
    emit({ type: "adaptiveLimitChanged", name, from, to: limit, inUse, reason: describeMove(lastMove) });
  }

  #isDrop(error: unknown, elapsedMs: number): boolean {
    const { isDrop } = this.settings;
    const { transient, effect } = verdictOf(error);
    const judged = isDrop === undefined ? undefined : yesOrNo(isDrop, error);
    // A broken predicate must not change the call; the default judges instead.
    if (judged !== undefined) return judged;
    if (!Failure.is(error) || error.code !== coreFailureCodes.deadlineExceeded) return transient;
    // A deadline that left less time than a call usually takes speaks of our caller, not of the other side.
    return effect !== "none" && elapsedMs >= this.#limiter.usualMs;
  }
}

/** Often enough for a chart, rarely enough for a log. */
const reportEveryMs = 1_000;

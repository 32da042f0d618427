import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Failure } from "../failure/failure.ts";
import { rejection } from "../failure/rejection.ts";
import type { Observer } from "../options/policy-options.ts";
import { yesOrNo } from "../options/user-functions.ts";
import type { Gate, GateOutcome } from "../pipeline/gate.ts";
import type { ThrottleSettings } from "./adaptive-throttle-options.ts";
import type { Throttle } from "./throttle.ts";

/** What stands between the engine and the throttle: judgement of outcomes, failures and events. */
export class ThrottleGate implements Gate {
  settings: ThrottleSettings;
  rejected = 0;
  readonly #throttle: Throttle;
  readonly #observer: Observer;
  #throttling = false;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  /** Of the call that was just turned away. */
  #probability = 0;

  constructor(settings: ThrottleSettings, throttle: Throttle, observer: Observer) {
    this.settings = settings;
    this.#throttle = throttle;
    this.#observer = observer;
  }

  admit(nowMs: number): number {
    const probability = this.#throttle.probability(nowMs);
    this.#report(probability > 0, nowMs);
    if (this.#throttle.admit(nowMs, probability)) return 0;
    this.#probability = probability;
    return -1;
  }

  rejection(_nowMs: number, { operation }: CallContext): Failure {
    this.rejected += 1;
    const code = coreFailureCodes.adaptiveThrottled;
    const probability = this.#probability;
    const { retryAfterMs } = this.settings;
    const { requests, accepts } = this.#throttle;
    const { name, emit } = this.#observer;
    emit?.({ type: "callThrottled", name, operation, code, probability, retryAfterMs });
    const whose = name === undefined ? "" : ` of ${name}`;
    return rejection(
      () =>
        `the adaptive throttle${whose} turns away ${Math.round(probability * 100)} % of the calls: ` +
        `${this.#counted(requests, accepts)}; try again in ${durationText(retryAfterMs)}`,
      { code, retryAfterMs },
    );
  }

  settle(_token: number, outcome: GateOutcome, nowMs: number, _startedAtMs: number, error: unknown): void {
    // Aborted by us, or turned away by a policy inside: the other side has neither accepted nor failed.
    if (outcome === "ignored") return;
    this.#throttle.settled(this.#isAccepted(outcome, error), nowMs);
  }

  #isAccepted(outcome: GateOutcome, error: unknown): boolean {
    const { isFailure } = this.settings;
    const judged = isFailure === undefined || error === undefined ? undefined : yesOrNo(isFailure, error);
    // A broken predicate must not change the call; the default judges instead.
    return judged === undefined ? outcome === "success" : !judged;
  }

  /** Around the threshold each call could change the answer, so a change is told once in a tenth of the window. */
  #report(throttling: boolean, nowMs: number): void {
    if (throttling === this.#throttling || nowMs - this.#reportedAtMs < this.settings.windowMs / 10) return;
    this.#throttling = throttling;
    this.#reportedAtMs = nowMs;
    const { requests, accepts } = this.#throttle;
    const { name, emit } = this.#observer;
    emit?.({ type: "throttlingChanged", name, throttling, reason: this.#counted(requests, accepts) });
  }

  #counted(requests: number, accepts: number): string {
    return `${accepts} of ${requests} requests were accepted in ${durationText(this.settings.windowMs)}`;
  }
}

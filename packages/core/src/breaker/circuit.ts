import type { Random } from "../clock/clock.ts";
import { durationText } from "../duration/duration.ts";
import { verdictOf } from "../failure/failure.ts";
import { type BreakerMove, type BreakerState, stepBreaker } from "./breaker-states.ts";
import type { CircuitRules } from "./circuit-rules.ts";
import type { CircuitSnapshot, SavedCircuit } from "./circuit-snapshot.ts";
import { type Forced, forcedIsOver, forcedReason } from "./forced.ts";
import { openTimeMs } from "./open-time.ts";
import { RampUp } from "./ramp-up.ts";
import { type CallSlots, SlowCalls } from "./slow-calls.ts";
import { Tally, tallyAfterChange } from "./tally.ts";
import { Trial } from "./trial.ts";

/** `ignored` says nothing about the other side: the call was rejected or aborted on our side. */
export type Outcome = "success" | "failure" | "ignored";

/** A change of state, with the facts that led to it. */
export interface Transition {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: string;
}

/** What circuits share: one host serves a hundred thousand of them. */
export interface CircuitHost {
  /** Replaced as a whole; tell each circuit of it with {@link Circuit.rulesChanged}. */
  readonly rules: CircuitRules;
  readonly random: Random;
  readonly slots: CallSlots;
  /** Told of every change of state, after it. */
  moved(transition: Transition, circuit: Circuit): void;
  /** Told when a forced state has ended, by hand or by time, after it. */
  released(reason: string, circuit: Circuit): void;
}

/** Not a token: the call must not be made. */
export const turnedAway = -1;

/** The token of a call that is let through without a part in anything; settling it does nothing. */
export const uncounted = 0;

/**
 * A circuit breaker without time of its own: it moves only when it is asked or told something, and is given the
 * time with it. So it needs no timer, and a thousand idle ones cost nothing.
 *
 * Leave to make a call is a number, so that a healthy call allocates nothing: twice the generation that gave it,
 * or, where slow calls are looked for, twice the call's slot and one. It must be settled once.
 */
export class Circuit {
  /** Of a circuit that is one of many; else empty. */
  readonly key: string;
  readonly #host: CircuitHost;
  #state: BreakerState = "closed";
  /** Whether every call goes through and only outcomes matter: closed, and nothing special about it. */
  #calm: boolean;
  /** Goes up whenever permits given so far no longer count. */
  #generation = 1;
  #sinceMs = 0;
  #reason: string | undefined;
  #openForMs = 0;
  /** Consecutive ones, without a stable time between them. */
  #openings = 0;
  // Made when first needed: an idle circuit of many has none of them.
  #tally: Tally | undefined;
  #slowCalls: SlowCalls | undefined;
  #trial: Trial | undefined;
  #rampUp: RampUp | undefined;
  #forced: Forced | undefined;
  #rejected = 0;
  #stale = 0;

  constructor(host: CircuitHost, key = "") {
    this.#host = host;
    this.key = key;
    this.#calm = host.rules.slowCall === undefined;
  }

  /** A token to settle with; {@link turnedAway} when the call must not be made, see {@link retryAfterMs}. */
  admit(nowMs: number): number {
    if (this.#calm) return 2 * this.#generation;
    this.#advance(nowMs);
    const { rules } = this.#host;
    const forced = this.#forced?.to;
    if (forced === "disabled") return uncounted;
    if (
      this.#state === "closed" &&
      (this.#rampUp === undefined || this.#rampUp.admit(rules.rampUpMs, nowMs))
    ) {
      return this.#token(nowMs);
    }
    const trial = this.#trial;
    if (trial !== undefined) {
      if (!trial.hasPlace(rules) && trial.overdueInMs(rules, nowMs) === 0) this.#replaceProbes(trial, nowMs);
      if (trial.hasPlace(rules)) {
        trial.began(nowMs);
        return this.#token(nowMs);
      }
    }
    this.#rejected += 1;
    return turnedAway;
  }

  /** @param error - What a failed call threw; it may ask for a longer open time. */
  settle(token: number, outcome: Outcome, nowMs: number, error?: unknown): void {
    if (token === uncounted) return;
    if (token % 2 === 0 || this.#slowCalls === undefined) {
      this.#ended(token / 2, outcome, false, nowMs, error);
      return;
    }
    // First those that are slow by now, this call perhaps among them, whatever it then says.
    this.#findSlow(nowMs);
    const slot = (token - 1) / 2;
    const generation = this.#slowCalls.generation(slot);
    const wasSlow = this.#slowCalls.end(slot);
    if (!wasSlow && outcome !== "ignored" && generation === this.#generation && this.#countsOutcomes) {
      this.#tallied().recordPace(false, nowMs);
    }
    this.#ended(generation, outcome, wasSlow, nowMs, error);
  }

  /** Milliseconds until a rejected caller may be let through; undefined while calls are. */
  retryAfterMs(nowMs: number): number | undefined {
    this.#advance(nowMs);
    const { rules } = this.#host;
    if (this.#forced?.to === "open") {
      const { untilMs } = this.#forced;
      // Nobody knows when it will be released; the usual open time is as good a moment to ask again as any.
      return untilMs === Number.POSITIVE_INFINITY ? rules.openTime.firstMs : untilMs - nowMs;
    }
    if (this.#state === "open") return this.#sinceMs + this.#openForMs - nowMs;
    if (this.#trial !== undefined && !this.#trial.hasPlace(rules))
      return this.#trial.overdueInMs(rules, nowMs);
    return undefined;
  }

  /** The same for the call that was just turned away, also by a ramp-up that lets others through. */
  comeBackAfterMs(nowMs: number): number {
    return this.retryAfterMs(nowMs) ?? this.#rampUp?.retryAfterMs(this.#host.rules.rampUpMs, nowMs) ?? 0;
  }

  /** Lets an operator's will stand above the rules. */
  force(forced: Forced, nowMs: number): void {
    this.#advance(nowMs);
    this.#forced = forced;
    this.#rampUp = undefined;
    const move = forced.to === "open" ? "forcedOpen" : "forcedClosed";
    if (stepBreaker(this.#state, move) === this.#state) this.#watchful();
    else this.#move(move, nowMs, forcedReason(forced));
  }

  /** Gives the decision back to the rules; does nothing when nothing is forced. */
  release(reason: string, nowMs: number): void {
    if (this.#forced === undefined) return;
    const wasOpen = this.#forced.to === "open";
    this.#forced = undefined;
    if (wasOpen) this.#move("released", nowMs, reason);
    else this.#watchful();
    this.#host.released(reason, this);
  }

  /** To be called after the host's rules were replaced: counts and permits stay, as far as they fit. */
  rulesChanged(nowMs: number): void {
    const { rules } = this.#host;
    // Calls may run whose pace nobody asked about; a tally that knows it must be there before they end.
    if (this.#tally !== undefined || rules.slowCall !== undefined) {
      this.#tally = tallyAfterChange(this.#tally, rules, nowMs);
    }
    this.#watchful();
    // Fewer probes may be enough now, and nobody may come to say so.
    if (this.#trial !== undefined) this.#judgeTrial(this.#trial, nowMs, undefined);
  }

  /** Whether nothing would be lost but counts when this circuit were forgotten. */
  get forgettable(): boolean {
    return this.#forced === undefined && this.#state === "closed" && this.#rampUp === undefined;
  }

  get forced(): Forced | undefined {
    return this.#forced;
  }

  /** How long it stays open, as decided when it opened. */
  get openForMs(): number {
    return this.#openForMs;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get state(): BreakerState {
    return this.#state;
  }

  snapshot(nowMs: number): CircuitSnapshot {
    const retryAfterMs = this.retryAfterMs(nowMs);
    if (this.#state === "closed") this.#tally?.expire(nowMs);
    const failures = this.#trial?.failed ?? this.#tally?.failures ?? 0;
    const calls = this.#trial?.answered ?? this.#tally?.calls ?? 0;
    const { rules } = this.#host;
    return {
      state: this.#state,
      failures,
      calls,
      failureRatio: calls === 0 ? 0 : failures / calls,
      consecutiveFailures: this.#tally?.consecutiveFailures ?? 0,
      slowCalls: rules.slowCall === undefined ? undefined : (this.#tally?.slow ?? { slow: 0, calls: 0 }),
      reason: this.#reason,
      retryAfterMs,
      openings: this.#openings,
      admittedShare: this.#rampUp?.share(rules.rampUpMs, nowMs),
      forced: this.#forced === undefined ? undefined : forcedSnapshot(this.#forced, nowMs),
      rejected: this.#rejected,
      stale: this.#stale,
      saved: this.#save(nowMs),
    };
  }

  /** Goes on from what was saved `elapsedMs` ago. Permits given by this circuit before no longer count. */
  restore(saved: SavedCircuit, elapsedMs: number, nowMs: number): void {
    const from = this.#state;
    const { rules } = this.#host;
    const thenMs = nowMs - elapsedMs;
    this.#generation += 1;
    this.#state = saved.state;
    this.#sinceMs = thenMs - saved.sinceAgoMs;
    this.#reason = saved.reason;
    this.#openForMs = saved.openForMs;
    this.#openings = saved.openings;
    this.#tally = new Tally(rules);
    this.#tally.load(saved, thenMs, nowMs);
    this.#trial = saved.state === "halfOpen" ? new Trial(thenMs, saved.trial) : undefined;
    this.#rampUp = saved.rampUpAgoMs === undefined ? undefined : new RampUp(thenMs - saved.rampUpAgoMs);
    const leftMs = saved.forced?.leftMs ?? Number.POSITIVE_INFINITY;
    this.#forced = saved.forced && { ...saved.forced, untilMs: thenMs + leftMs };
    this.#rejected = saved.rejected;
    this.#stale = saved.stale;
    this.#watchful();
    if (from !== this.#state) {
      const reason = `restored: ${this.#reason ?? "it was never open"}`;
      this.#host.moved({ from, to: this.#state, reason }, this);
    }
    if (this.#trial !== undefined) this.#judgeTrial(this.#trial, nowMs, undefined);
  }

  #save(nowMs: number): SavedCircuit {
    const tally = this.#tally?.save(nowMs);
    return {
      state: this.#state,
      sinceAgoMs: nowMs - this.#sinceMs,
      reason: this.#reason,
      openForMs: this.#openForMs,
      openings: this.#openings,
      windows: tally?.windows ?? [],
      slowWindow: tally?.slowWindow,
      consecutiveFailures: tally?.consecutiveFailures ?? 0,
      trial: this.#trial?.save(),
      rampUpAgoMs: this.#rampUp === undefined ? undefined : nowMs - this.#rampUp.sinceMs,
      forced: this.#forced === undefined ? undefined : forcedSnapshot(this.#forced, nowMs),
      rejected: this.#rejected,
      stale: this.#stale,
    };
  }

  #token(nowMs: number): number {
    if (this.#host.rules.slowCall === undefined) return 2 * this.#generation;
    this.#slowCalls ??= new SlowCalls(this.#host.slots);
    return 2 * this.#slowCalls.start(this.#generation, nowMs) + 1;
  }

  #ended(generation: number, outcome: Outcome, wasSlow: boolean, nowMs: number, error: unknown): void {
    if (generation !== this.#generation) {
      this.#stale += 1;
    } else if (this.#trial !== undefined) {
      this.#trial.ended(outcome, wasSlow);
      this.#judgeTrial(this.#trial, nowMs, error);
    } else if (outcome !== "ignored" && this.#countsOutcomes) {
      const tally = this.#tallied();
      tally.record(outcome === "failure", nowMs);
      if (!tally.isFlawless) this.#judge(nowMs, outcome === "failure" ? error : undefined);
    }
  }

  /** The calls that have become slow since the last look; they count although they still run. */
  #findSlow(nowMs: number): void {
    const { slowCall } = this.#host.rules;
    if (slowCall === undefined || this.#slowCalls === undefined || this.#forced?.to === "disabled") return;
    let found = false;
    for (;;) {
      const slot = this.#slowCalls.nextSlow(slowCall.afterMs, nowMs);
      if (slot < 0) break;
      if (this.#slowCalls.generation(slot) !== this.#generation) continue;
      found = true;
      if (this.#trial !== undefined) this.#trial.foundSlow();
      else this.#tallied().recordPace(true, nowMs);
    }
    if (!found) return;
    if (this.#trial !== undefined) this.#judgeTrial(this.#trial, nowMs, undefined);
    else this.#judge(nowMs, undefined);
  }

  get #countsOutcomes(): boolean {
    return this.#state === "closed" && this.#forced?.to !== "disabled";
  }

  #tallied(): Tally {
    this.#tally ??= new Tally(this.#host.rules);
    return this.#tally;
  }

  #judge(nowMs: number, error: unknown): void {
    if (this.#forced !== undefined) return;
    const reason = this.#tally?.reasonToOpen(this.#host.rules, nowMs);
    if (reason !== undefined) this.#open("thresholdReached", nowMs, reason, error);
  }

  #judgeTrial(trial: Trial, nowMs: number, error: unknown): void {
    const verdict = trial.verdict(this.#host.rules);
    if (verdict?.move === "probesFailed") this.#open(verdict.move, nowMs, verdict.reason, error);
    else if (verdict !== undefined) this.#move(verdict.move, nowMs, verdict.reason);
  }

  #open(move: BreakerMove, nowMs: number, reason: string, error: unknown): void {
    const { rules, random } = this.#host;
    const stable = this.#state === "closed" && nowMs - this.#sinceMs >= rules.openTime.resetAfterMs;
    this.#openings = stable ? 1 : this.#openings + 1;
    this.#openForMs = openTimeMs(rules.openTime, this.#openings, verdictOf(error).retryAfterMs, random);
    this.#move(move, nowMs, reason);
  }

  /** Whatever is due by now, without anybody asking for a call. */
  #advance(nowMs: number): void {
    if (this.#calm) return;
    const forced = this.#forced;
    if (forced !== undefined && nowMs >= forced.untilMs) {
      this.release(forcedIsOver(forced), nowMs);
    }
    if (this.#state === "open" && this.#forced === undefined && nowMs - this.#sinceMs >= this.#openForMs) {
      const reason = `${durationText(this.#openForMs)} have passed since it opened`;
      this.#move("openTimeElapsed", nowMs, reason);
    }
    if (this.#rampUp !== undefined && this.#rampUp.share(this.#host.rules.rampUpMs, nowMs) >= 1) {
      this.#rampUp = undefined;
      this.#watchful();
    }
    this.#findSlow(nowMs);
  }

  /** Gives away the places of probes that never ended; what other probes have answered still counts. */
  #replaceProbes(trial: Trial, nowMs: number): void {
    const { probes, maxHalfOpenMs } = this.#host.rules;
    const replaced = trial.replaceRunning();
    this.#move(
      "probesOverdue",
      nowMs,
      `${replaced} of ${probes} probes did not end within ${durationText(maxHalfOpenMs)}`,
    );
  }

  #watchful(): void {
    const plain = this.#state === "closed" && this.#forced === undefined && this.#rampUp === undefined;
    this.#calm = plain && this.#host.rules.slowCall === undefined;
  }

  #move(move: BreakerMove, nowMs: number, reason: string): void {
    const from = this.#state;
    const to = stepBreaker(from, move);
    this.#state = to;
    this.#generation += 1;
    this.#sinceMs = nowMs;
    this.#reason = reason;
    if (to !== from) this.#trial = to === "halfOpen" ? new Trial(nowMs) : undefined;
    if (to === "closed") this.#tally?.clear();
    const ramped = move === "probesPassed" && this.#host.rules.rampUpMs > 0;
    this.#rampUp = ramped ? new RampUp(nowMs) : undefined;
    this.#watchful();
    this.#host.moved({ from, to, reason }, this);
  }
}

function forcedSnapshot({ to, reason, untilMs }: Forced, nowMs: number): CircuitSnapshot["forced"] {
  return { to, reason, leftMs: untilMs === Number.POSITIVE_INFINITY ? undefined : untilMs - nowMs };
}

import type { Clock, FailureKind } from "@outrigger/core";
import type { Candidate } from "./choose-provider.ts";
import type { RedundancyEvent } from "./redundancy-events.ts";
import type { SettledAs } from "./redundancy-failure.ts";
import type { ProviderIntegration, ProviderSettings } from "./redundancy-options.ts";
import { type RecoveryRules, Standing } from "./standing.ts";
import type { StandingState } from "./standing-table.ts";

/** Since the start. */
export interface LaneCounts {
  /** Calls that this provider was given. */
  tried: number;
  answered: number;
  /** A final "no". */
  refused: number;
  failed: number;
  /** Turned away by its own policies, before anything was sent. */
  rejected: number;
  /** Its caller had gone, or another provider was faster. */
  aborted: number;
  readonly settled: Record<SettledAs, number>;
}

export interface LaneRules {
  readonly integration: string;
  readonly recovery: RecoveryRules;
  readonly clock: Clock;
  readonly emit: ((event: RedundancyEvent) => void) | undefined;
}

/** How old a look at a provider's circuits may be: a look costs some microseconds, and nothing there moves faster. */
const lookEveryMs = 20;

/** One provider behind the name: where it stands, what it was given, and whether it is being taken out. */
export class ProviderLane {
  readonly name: string;
  readonly integration: ProviderIntegration;
  priority: number;
  weight: number;
  readonly counts: LaneCounts = {
    tried: 0,
    answered: 0,
    refused: 0,
    failed: 0,
    rejected: 0,
    aborted: 0,
    settled: { notThere: 0, cancelled: 0, done: 0, unknown: 0 },
  };
  readonly #rules: LaneRules;
  /** By the provider's operation; the empty name is the circuit that operations share. */
  readonly #standings = new Map<string, Standing>();
  #circuits: ReturnType<ProviderIntegration["snapshot"]> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #running = 0;
  #drained: Promise<void> | undefined;
  readonly #whenIdle: (() => void)[] = [];

  constructor({ name, integration, priority, weight }: ProviderSettings, rules: LaneRules) {
    this.name = name;
    this.integration = integration;
    this.priority = priority;
    this.weight = weight;
    this.#rules = rules;
    this.#standing("");
  }

  get running(): number {
    return this.#running;
  }

  get draining(): boolean {
    return this.#drained !== undefined;
  }

  /** What the choice needs to know, for one of the provider's operations. */
  candidate(operation: string): Candidate & { readonly lane: ProviderLane } {
    const nowMs = this.#rules.clock.now();
    const health = this.#standingOf(operation, nowMs).share(nowMs);
    return { lane: this, priority: this.priority, weight: this.weight, health };
  }

  stateOf(operation: string): StandingState {
    return this.#standingOf(operation, this.#rules.clock.now()).state;
  }

  began(): void {
    this.counts.tried += 1;
    this.#running += 1;
  }

  ended(outcome: "answered" | FailureKind): void {
    this.counts[outcome] += 1;
    this.#running -= 1;
    // Whatever went wrong may have moved a circuit.
    if (outcome !== "answered") this.#lookedAtMs = Number.NEGATIVE_INFINITY;
    if (this.#running === 0) for (const callback of this.#whenIdle.splice(0)) callback();
  }

  /** No new calls from now on; resolves when those that run have ended, or when the provider is resumed before. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { integration, emit } = this.#rules;
    emit?.({ type: "providerDraining", integration, provider: this.name, running: this.#running });
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    if (this.draining) emit?.({ type: "providerDrained", integration, provider: this.name });
  }

  /** Lets calls in again; their share ramps up as after an outage. */
  resume(): void {
    if (!this.draining) return;
    this.#drained = undefined;
    const { integration, clock, emit } = this.#rules;
    for (const standing of this.#standings.values()) standing.step("resumed", clock.now());
    for (const callback of this.#whenIdle.splice(0)) callback();
    emit?.({ type: "providerResumed", integration, provider: this.name });
  }

  #standingOf(operation: string, nowMs: number): Standing {
    if (this.#circuits === undefined || nowMs - this.#lookedAtMs >= lookEveryMs) {
      this.#circuits = this.integration.snapshot();
      this.#lookedAtMs = nowMs;
    }
    const own = this.#circuits.breakers[operation];
    const standing = this.#standing(own === undefined ? "" : operation);
    standing.observe(own ?? this.#circuits.breaker, nowMs);
    return standing;
  }

  #standing(circuit: string): Standing {
    const known = this.#standings.get(circuit);
    if (known !== undefined) return known;
    const { integration, recovery, emit } = this.#rules;
    const made = new Standing(recovery, (from, to) => {
      const operation = circuit === "" ? undefined : circuit;
      emit?.({ type: "providerStandingChanged", integration, provider: this.name, operation, from, to });
    });
    this.#standings.set(circuit, made);
    return made;
  }
}

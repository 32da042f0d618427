import type { Policy } from "../context/call.ts";
import { show } from "../duration/duration.ts";
import { EventStream, type Listener } from "../events/events.ts";
import type { PolicyEvent } from "../events/policy-event.ts";
import { nonEmptyString } from "../options/options.ts";
import { functionAt, type PolicyOptions } from "../options/policy-options.ts";
import { snapshotOf } from "./pipeline.ts";

/** What a policy that is made for a registry is given; spread it into the policy's options. */
export type RegisteredOptions = Required<{ [K in keyof PolicyOptions]: NonNullable<PolicyOptions[K]> }>;

/** What is no policy and has something to show: a failover, a budget. */
export interface Registrable {
  snapshot(): unknown;
}

interface Reconfigurable {
  reconfigure(options: object): void;
}

/**
 * Policies, pipelines, failovers and budgets by name: one place to look at them, to hear them and to change them
 * while they run.
 *
 * ```ts
 * const registry = new PolicyRegistry();
 * const limit = registry.add("toss.limit", (own) => concurrencyLimit({ ...own, limit: 100 }));
 * registry.subscribe((event) => log(event));
 * registry.reconfigure("toss.limit", { limit: 50 });
 * ```
 */
export class PolicyRegistry {
  readonly #policies = new Map<string, Policy | Registrable>();
  readonly #events = new EventStream<PolicyEvent>();

  /**
   * Makes a policy and keeps it under its name.
   *
   * @param make - Given the name and the registry's listener, for the policy's options.
   * @throws TypeError when the name is taken, or `make` makes no policy.
   */
  add<P extends Policy | Registrable>(name: string, make: (own: RegisteredOptions) => P): P {
    nonEmptyString("name", name);
    functionAt("make", make);
    if (this.#policies.has(name)) {
      throw new TypeError(
        `a policy is registered as ${show(name)} already; choose another name or remove it`,
      );
    }
    const policy = make({ name, onEvent: this.#events.emit });
    if (
      typeof policy !== "function" &&
      typeof (policy as Partial<Registrable> | null)?.snapshot !== "function"
    ) {
      throw new TypeError(
        `${show(name)} must be a policy, or something with a snapshot; got ${show(policy)}`,
      );
    }
    this.#policies.set(name, policy);
    return policy;
  }

  /** Forgets a policy; calls that use it are not affected. @returns whether there was one. */
  remove(name: string): boolean {
    return this.#policies.delete(name);
  }

  get(name: string): Policy | Registrable | undefined {
    return this.#policies.get(name);
  }

  get names(): readonly string[] {
    return [...this.#policies.keys()];
  }

  /** Every policy's own snapshot. One that throws is `{ kind: "broken", error }`, and the others are not affected. */
  snapshot(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#policies].map(([name, policy]) => [name, safeSnapshotOf(policy)]));
  }

  /**
   * Changes a policy while it runs; what it has counted and the calls in it stay.
   *
   * @throws TypeError when there is no such policy or it cannot be changed, and what the policy throws for options
   * that are wrong; then nothing has changed.
   */
  reconfigure(name: string, options: object): void {
    const policy = this.#policies.get(name);
    if (policy === undefined) {
      throw new TypeError(
        `no policy is registered as ${show(name)}; there are ${this.names.map(show).join(", ") || "none"}`,
      );
    }
    const { reconfigure } = policy as Partial<Reconfigurable>;
    if (typeof reconfigure !== "function") {
      throw new TypeError(`the policy ${show(name)} has nothing that can be changed while it runs`);
    }
    reconfigure.call(policy, options);
  }

  /**
   * Hears the events of all policies. A listener that throws changes nothing for the others.
   *
   * @returns a function that ends the subscription.
   */
  subscribe(listener: Listener<PolicyEvent>): () => void {
    functionAt("listener", listener);
    return this.#events.subscribe(listener);
  }
}

function safeSnapshotOf(policy: Policy | Registrable): unknown {
  try {
    return snapshotOf(policy);
  } catch (error) {
    return { kind: "broken", error: String(error) };
  }
}

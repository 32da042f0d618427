import {
  attemptTimeout,
  type BreakerSnapshot,
  circuitBreaker,
  concurrencyLimit,
  type Duration,
  deadline,
  durationMs,
  exponential,
  type Policy,
  pipeline,
  retry,
  retryDefaults,
} from "@outrigger/core";
import type { HttpEvent } from "../events.ts";
import type { Operation } from "../operation.ts";
import type { Settings } from "../options/options.ts";
import type { HttpIntegrationSnapshot } from "../snapshot.ts";
import type { Send } from "./send.ts";

type Breaker = ReturnType<typeof circuitBreaker>;

/** The policies of an integration: what its operations share, and what each has for itself. */
export class OperationPolicies {
  readonly #settings: Settings;
  readonly #observed: { readonly name: string; readonly onEvent?: (event: HttpEvent) => void };
  readonly #again: Policy | undefined;
  readonly #breaker: Breaker | undefined;
  readonly #breakers = new Map<string, Breaker>();
  readonly #limit: ReturnType<typeof concurrencyLimit> | undefined;

  constructor(settings: Settings, emit: ((event: HttpEvent) => void) | undefined) {
    const { breaker, clock, concurrency, name, random } = settings;
    this.#settings = settings;
    this.#observed = { name, ...(emit === undefined ? {} : { onEvent: emit }) };
    const observed = this.#observed;
    if (breaker !== false)
      this.#breaker = asWritten("circuitBreaker", "breaker", () =>
        circuitBreaker({ ...breaker, ...observed, clock }),
      );
    if (concurrency !== false)
      this.#limit = asWritten("concurrencyLimit", "concurrency", () =>
        concurrencyLimit({ ...concurrency, ...observed }),
      );
    if (settings.retry !== false) this.#again = retry({ ...settings.retry, ...this.#observed, random });
  }

  /** What every request of the operation passes, in this order. */
  around(operation: Operation, send: Send): Send {
    const { breaker, clock, name } = this.#settings;
    const { attempt, total } = operation.timeout;
    const observed = this.#observed;
    if (breaker !== false && operation.breaker === "own") {
      const own = { ...observed, name: `${name}.${operation.name}` };
      this.#breakers.set(operation.name, circuitBreaker({ ...breaker, ...own, clock }));
    }
    const policies: readonly (Policy | undefined)[] = [
      deadline({ total, ...observed }),
      this.#againWithin(total),
      this.#breakers.get(operation.name) ?? this.#breaker,
      this.#limit,
      attempt === undefined ? undefined : attemptTimeout({ timeout: attempt, ...observed }),
    ];
    return pipeline(...policies.filter((policy) => policy !== undefined))(send);
  }

  /** A default gives way without a word: where even the first wait of the usual backoff is too long, it is shorter. */
  #againWithin(total: Duration): Policy | undefined {
    const { random, retry: options } = this.#settings;
    const totalMs = durationMs("timeout.total", total);
    if (
      options === false ||
      options.backoff !== undefined ||
      totalMs > 2 * retryDefaults.backoff.ceilingMs(1)
    )
      return this.#again;
    return retry({ ...options, backoff: exponential(`${totalMs / 10}ms`), ...this.#observed, random });
  }

  snapshot(): Pick<HttpIntegrationSnapshot, "breaker" | "breakers" | "concurrency"> {
    const own = [...this.#breakers].map(([name, each]): [string, BreakerSnapshot] => [name, each.snapshot()]);
    return {
      breaker: this.#breaker?.snapshot() ?? null,
      breakers: Object.fromEntries(own),
      concurrency: this.#limit?.snapshot() ?? null,
    };
  }
}

/** Errors of a policy name its own options; here they stand under another word. */
function asWritten<T>(policy: string, option: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      error.message = error.message
        .replaceAll(`${policy}.`, `${option}.`)
        .replace(`${policy} `, `${option} `);
    throw error;
  }
}

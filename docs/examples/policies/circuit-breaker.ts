import {
  attemptTimeout,
  type BreakerRules,
  type Call,
  type CircuitBreaker,
  type Clock,
  circuitBreaker,
  execute,
  type KeyedBreaker,
  keyedBreaker,
  type Listener,
  type PolicyEvent,
  pipeline,
  retry,
} from "@outrigger/core";

interface Order {
  readonly id: string;
  readonly host?: string;
}

/** Makes the call and keeps what it ends with, error or answer. */
async function ended(work: Promise<unknown>): Promise<unknown> {
  return await work.catch((error: unknown) => error);
}

export async function usage(
  call: Call<Order, string>,
  onEvent: Listener<PolicyEvent>,
  clock?: Clock,
): Promise<{
  readonly breaker: CircuitBreaker;
  readonly charge: Call<Order, string>;
  readonly paid: string;
}> {
  const order = { id: "order-1" };
  // #region usage
  const breaker = circuitBreaker({
    name: "toss",
    window: "10s",
    failureRatio: 0.5,
    minimumCalls: 20, // opens when 10 of 20 calls failed within 10 s, or 15 of 30
    openFor: "30s",
    probes: 5,
    onEvent,
    clock, // a test's; left out, it is the system's
  });
  const charge = pipeline(retry(), breaker, attemptTimeout("3s"))(call);

  const paid = await execute(charge, order, { clock, key: order.id, idempotent: true });
  // #endregion
  return { breaker, charge, paid };
}

export function rules(): BreakerRules {
  // #region rules
  const rules: BreakerRules = {
    trip: [
      { consecutiveFailures: 5 }, // an outage where calls are few
      { window: "10s", failureRatio: 0.5 },
      { count: 200, failureRatio: 0.2, minimumCalls: 100 }, // a fault in one of five servers over there
    ],
    openFor: { first: "5s", factor: 2, max: "2m", jitter: 0.2 }, // 5 s, 10 s, 20 s … each up to a fifth longer
    rampUp: "10s", // after closing: a tenth of the calls at first, all of them after 10 s
  };
  // #endregion
  return rules;
}

export function slow(clock: Clock): CircuitBreaker {
  // #region slow
  const breaker = circuitBreaker({
    slowCall: { after: "2s", ratio: 0.5 }, // opens as well when half of the calls take 2 s or longer
    window: "10s",
    minimumCalls: 20,
    clock,
  });
  // #endregion
  return breaker;
}

export function keyed(clock: Clock): KeyedBreaker {
  // #region keyed
  const breaker = keyedBreaker({
    key: (order) => (order as Order).host ?? "", // or a tenant; never an order's id
    minimumCalls: 20,
    maxKeys: 1_000,
    clock,
  });
  // #endregion
  return breaker;
}

export function forced(breaker: CircuitBreaker): readonly string[] {
  // #region forced
  breaker.force("open", { reason: "maintenance until 14:00, says Anna", for: "30m" });
  const during = breaker.snapshot().state; // "open"

  breaker.force(undefined, { reason: "maintenance is over" });
  const after = breaker.snapshot().state; // "halfOpen": probes decide
  // #endregion
  return [during, after];
}

export function shadow(onEvent: Listener<PolicyEvent>, clock: Clock): CircuitBreaker {
  // #region shadow
  const breaker = circuitBreaker({ name: "toss", shadow: true, failureRatio: 0.2, onEvent, clock });
  // #endregion
  return breaker;
}

export function restored(before: CircuitBreaker, clock: Clock): CircuitBreaker {
  // #region restore
  const saved = JSON.stringify(before.snapshot()); // as the old process stops

  const breaker = circuitBreaker({ name: "toss", clock }); // as the new one starts
  breaker.restore(JSON.parse(saved));
  // #endregion
  return breaker;
}

export function changed(breaker: CircuitBreaker): void {
  // #region reconfigure
  breaker.reconfigure({ failureRatio: 0.3, minimumCalls: 20 }); // what is left out stays
  // #endregion
}

export async function wrong(call: Call<Order, string>, clock: Clock): Promise<void> {
  // #region wrong
  const charge = (order: Order) => {
    const breaker = circuitBreaker({ consecutiveFailures: 5, clock }); // wrong: a new one for each call
    return execute(breaker(call), order, { clock });
  };
  for (let id = 1; id <= 100; id += 1) await ended(charge({ id: `order-${id}` }));
  // It never opens: the provider that is down got 100 calls.
  // #endregion
}

export async function right(call: Call<Order, string>, clock: Clock): Promise<void> {
  // #region right
  const breaker = circuitBreaker({ consecutiveFailures: 5, clock }); // once, where the integration is described
  const charge = (order: Order) => execute(breaker(call), order, { clock });
  for (let id = 1; id <= 100; id += 1) await ended(charge({ id: `order-${id}` }));
  // It got 5 calls; 95 were answered at once, without asking it.
  // #endregion
}

export function aroundRetry(): void {
  // #region refused
  pipeline(circuitBreaker(), retry({ maxRetries: 2 })); // throws RangeError
  // #endregion
}

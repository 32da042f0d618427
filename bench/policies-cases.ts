// One case in a process of its own: `node policies-cases.ts <name>` prints one number.
import {
  attemptTimeout,
  type BreakerRules,
  type Call,
  CallContext,
  circuitBreaker,
  concurrencyLimit,
  execute,
  Failure,
  type GatePlan,
  keyedBreaker,
  pipeline,
  planOf,
  retry,
  systemClock,
  tryExecute,
} from "@outrigger/core";
import * as cockatiel from "cockatiel";
import Opossum from "opossum";
import { armTimed, disarm } from "../packages/core/src/clock/clock.ts";
import type { Timed, WaitsIn } from "../packages/core/src/clock/timer-wheel.ts";
import { bytesKept, bytesPerOperation, cpuPerOperation } from "./measure.ts";
import { fusedFloor, WindowFloor } from "./policies-floor.ts";

type Op = () => Promise<unknown>;
type Case = () => Promise<number> | number;

const call = async (input: number): Promise<number> => input;
const contextCall = async (input: number): Promise<number> => input;
let heard = 0;
const onEvent = (): void => {
  heard += 1;
};

/** Timeout, retry, breaker and bulkhead as a user composes them, each with a listener. */
function ours(): Op {
  const guarded = pipeline(
    retry({ onEvent }),
    circuitBreaker({ onEvent }),
    concurrencyLimit({ limit: 1_000, onEvent }),
    attemptTimeout({ timeout: "1s", onEvent }),
  )(contextCall);
  return () => execute(guarded, 1);
}

function floor(): Op {
  const guarded = fusedFloor(call);
  return () => guarded(1);
}

function cockatielFour(): Op {
  const { handleAll } = cockatiel;
  const again = cockatiel.retry(handleAll, { maxAttempts: 2, backoff: new cockatiel.ExponentialBackoff() });
  const breaker = cockatiel.circuitBreaker(handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
  });
  const bulkhead = cockatiel.bulkhead(1_000);
  const timeout = cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Aggressive);
  again.onFailure(onEvent);
  breaker.onStateChange(onEvent);
  bulkhead.onReject(onEvent);
  timeout.onTimeout(onEvent);
  const guarded = cockatiel.wrap(again, breaker, bulkhead, timeout);
  return () => guarded.execute(() => call(1));
}

/** It has no retry. */
function opossumThree(): Op {
  const breaker = new Opossum(call, { timeout: 1_000, capacity: 1_000 });
  breaker.on("timeout", onEvent).on("open", onEvent).on("reject", onEvent);
  return () => breaker.fire(1);
}

/** What a product does once a second (opossum's snapshots, for one) must fall into every measurement, not into some. */
const wholeSecondsMs = 2_000;

const sequential =
  (make: () => Op): Case =>
  () => {
    const operation = make();
    return cpuPerOperation(async (operations) => {
      for (let index = 0; index < operations; index += 1) await operation();
    }, wholeSecondsMs);
  };

const concurrent =
  (make: () => Op): Case =>
  () => {
    const operation = make();
    return cpuPerOperation(async (operations) => {
      for (let index = 0; index < operations; index += 100) {
        await Promise.all(Array.from({ length: 100 }, operation));
      }
    }, wholeSecondsMs);
  };

const bytes =
  (make: () => Op): Case =>
  () => {
    const operation = make();
    return bytesPerOperation(async (operations) => {
      for (let index = 0; index < operations; index += 1) await operation();
    });
  };

/** What it costs a caller who catches. */
const caught =
  (make: () => Op): Case =>
  () => {
    const operation = make();
    return cpuPerOperation(async (operations) => {
      for (let index = 0; index < operations; index += 1) {
        try {
          await operation();
          throw new Error("was let through");
        } catch (error) {
          if ((error as Error).message === "was let through") throw error;
        }
      }
    });
  };

/** What it costs a caller who asks for a result. */
const looked =
  (make: () => () => Promise<{ readonly ok: boolean }>): Case =>
  () => {
    const operation = make();
    return cpuPerOperation(async (operations) => {
      for (let index = 0; index < operations; index += 1) {
        if ((await operation()).ok) throw new Error("was let through");
      }
    });
  };

function openCircuit(): Call<number, number> {
  const breaker = circuitBreaker({ minimumCalls: 1, openFor: "1h", onEvent });
  const { gate } = gateOf(breaker);
  const nowMs = systemClock.now();
  const failure = new Failure("down", { code: "DOWN", effect: "none" });
  gate.settle(gate.admit(nowMs, undefined as never, undefined), "failure", nowMs, nowMs, failure);
  return pipeline(retry({ onEvent }), breaker, attemptTimeout({ timeout: "1s", onEvent }))(contextCall);
}

function fullLimit(): Call<number, number> {
  const limit = concurrencyLimit({ limit: 1, onEvent });
  const guarded = pipeline(limit)((_: number) => new Promise<number>(() => {}));
  void execute(guarded, 1);
  return guarded;
}

function gateOf(policy: Parameters<typeof planOf>[0]): GatePlan {
  const plan = planOf(policy);
  if (plan?.kind !== "gate") throw new Error("not a gate");
  return plan;
}

async function cockatielOpen(): Promise<Op> {
  const breaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 3_600_000,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  await breaker.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  return () => breaker.execute(() => call(1));
}

function cockatielFull(): Op {
  const bulkhead = cockatiel.bulkhead(1);
  void bulkhead.execute(() => new Promise(() => {}));
  return () => bulkhead.execute(() => call(1));
}

const pending = 100_000;
const nothing = (): void => {};

/** A timeout of its own length for each, as when attempts get what is left of a deadline; or one for all. */
const lengths = (distinct: boolean): ((index: number) => number) => {
  return distinct ? (index) => 30_000 + (index % 10_000) : () => 30_000;
};

const timersOfNode = (distinct: boolean): Case => {
  return () => {
    const lengthOf = lengths(distinct);
    const armed = Array.from({ length: pending }, (_, index) => setTimeout(nothing, lengthOf(index)));
    let next = 0;
    return cpuPerOperation((operations) => {
      for (let index = 0; index < operations; index += 1) {
        clearTimeout(armed[next]);
        armed[next] = setTimeout(nothing, lengthOf(next));
        next = (next + 1) % pending;
      }
    });
  };
};

/** As anybody arms a timer: each reads the clock for itself. */
const timersOfOurs = (distinct: boolean): Case => {
  return () => {
    const lengthOf = lengths(distinct);
    const armed = Array.from({ length: pending }, (_, index) =>
      systemClock.setTimer(lengthOf(index), nothing),
    );
    let next = 0;
    return cpuPerOperation((operations) => {
      for (let index = 0; index < operations; index += 1) {
        armed[next]?.cancel();
        armed[next] = systemClock.setTimer(lengthOf(next), nothing);
        next = (next + 1) % pending;
      }
    });
  };
};

/** The part of an attempt that waits for its timeout. */
class Waiting implements Timed {
  waitsIn: WaitsIn | undefined = undefined;
  dueTick = 0;
  slot = 0;
  next: Timed = this;
  previous: Timed = this;
  timeUp(): void {}
}

/** As a call arms its timeout: it has read the clock already, for all of its policies. */
const timeoutsOfCalls = (distinct: boolean): Case => {
  return () => {
    const lengthOf = lengths(distinct);
    const armed = (nowMs: number, index: number): Timed => {
      const waiting = new Waiting();
      armTimed(systemClock, nowMs, lengthOf(index), waiting);
      return waiting;
    };
    const startMs = systemClock.now();
    const all = Array.from({ length: pending }, (_, index) => armed(startMs, index));
    let next = 0;
    return cpuPerOperation((operations) => {
      const nowMs = systemClock.now();
      for (let index = 0; index < operations; index += 1) {
        disarm(all[next] as Timed);
        all[next] = armed(nowMs, next);
        next = (next + 1) % pending;
      }
    });
  };
};

/** Timers of the machine while a hundred thousand of ours wait. */
function machineTimers(): number {
  const count = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = count();
  const armed = Array.from({ length: pending }, (_, index) => systemClock.setTimer(10_000 + index, () => {}));
  const timers = count() - before;
  for (const timer of armed) timer.cancel();
  return timers;
}

/** A breaker's bookkeeping of one call, at a rate of calls; the time is handed in, so it costs nothing here. */
const bookkeeping = (callsPerSecond: number): Case => {
  return () => {
    const { gate } = gateOf(circuitBreaker({ onEvent }));
    const stepMs = 1_000 / callsPerSecond;
    let nowMs = systemClock.now();
    return cpuPerOperation((operations) => {
      for (let index = 0; index < operations; index += 1) {
        nowMs += stepMs;
        gate.settle(gate.admit(nowMs, undefined as never, undefined), "success", nowMs, nowMs, undefined);
      }
    });
  };
};

function windowFloor(): Promise<number> {
  const window = new WindowFloor();
  let nowMs = 0;
  return cpuPerOperation((operations) => {
    for (let index = 0; index < operations; index += 1) {
      nowMs += 0.001;
      window.record(false, nowMs);
    }
    if (window.total < 0) throw new Error("unreachable");
  });
}

/** The longest that a thousand calls took, in milliseconds, over ten seconds at a million calls a second. */
function longestStall(): number {
  const { gate } = gateOf(circuitBreaker({ onEvent }));
  const stalls: number[] = [];
  let nowMs = systemClock.now();
  for (let batch = 0; batch < 10_000; batch += 1) {
    const startMs = performance.now();
    for (let index = 0; index < 1_000; index += 1) {
      nowMs += 0.001;
      gate.settle(gate.admit(nowMs, undefined as never, undefined), "success", nowMs, nowMs, undefined);
    }
    stalls.push(performance.now() - startMs);
  }
  // The machine is shared: its scheduler takes the processor away now and then, a product's stall comes every second.
  return stalls.toSorted((a, b) => b - a)[20] ?? Number.NaN;
}

/** Each with one call behind it and its key included. */
function idleCircuits(rules: BreakerRules = {}): Promise<number> {
  const circuits = keyedBreaker({ key: String, maxKeys: 200_000, onEvent, ...rules });
  const guarded = circuits(call);
  const context = new CallContext();
  return bytesKept(100_000, async (index) => void (await guarded(index, context)));
}

export const cases: Readonly<Record<string, Case>> = {
  "bare call, sequential": sequential(() => () => call(1)),
  "floor, sequential": sequential(floor),
  "outrigger, sequential": sequential(ours),
  "cockatiel, sequential": sequential(cockatielFour),
  "opossum, sequential": sequential(opossumThree),
  "floor, 100 concurrent": concurrent(floor),
  "outrigger, 100 concurrent": concurrent(ours),
  "cockatiel, 100 concurrent": concurrent(cockatielFour),
  "opossum, 100 concurrent": concurrent(opossumThree),
  "cockatiel, open circuit": async () => {
    const operation = await cockatielOpen();
    return await caught(() => operation)();
  },
  "outrigger, open circuit": () => {
    const guarded = openCircuit();
    return caught(() => () => execute(guarded, 1))();
  },
  "outrigger, open circuit, result": () => {
    const guarded = openCircuit();
    return looked(() => () => tryExecute(guarded, 1))();
  },
  "cockatiel, full bulkhead": caught(cockatielFull),
  "outrigger, full limit": () => {
    const guarded = fullLimit();
    return caught(() => () => execute(guarded, 1))();
  },
  "outrigger, full limit, result": () => {
    const guarded = fullLimit();
    return looked(() => () => tryExecute(guarded, 1))();
  },
  "node, timer among 100,000": timersOfNode(false),
  "outrigger, timer among 100,000": timersOfOurs(false),
  "outrigger, timeout among 100,000": timeoutsOfCalls(false),
  "node, timer among 100,000 of 10,000 lengths": timersOfNode(true),
  "outrigger, timer among 100,000 of 10,000 lengths": timersOfOurs(true),
  "outrigger, timeout among 100,000 of 10,000 lengths": timeoutsOfCalls(true),
  "outrigger, timers of the machine": machineTimers,
  "floor, window at 1,000,000 a second": windowFloor,
  "outrigger, window at 1,000 a second": bookkeeping(1_000),
  "outrigger, window at 1,000,000 a second": bookkeeping(1_000_000),
  "outrigger, longest stall": longestStall,
  "outrigger, idle circuit": () => idleCircuits(),
  "outrigger, idle circuit with slow calls": () => idleCircuits({ slowCall: { after: "1s" } }),
  "floor, bytes": bytes(floor),
  "outrigger, bytes": bytes(ours),
};

if (import.meta.main) {
  const chosen = cases[process.argv[2] ?? ""];
  if (chosen === undefined) throw new Error(`no such case: ${process.argv[2]}`);
  const value = await chosen();
  process.stdout.write(`${JSON.stringify({ value, heard })}\n`);
  process.exit(0);
}

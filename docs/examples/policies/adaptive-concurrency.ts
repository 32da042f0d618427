import {
  adaptiveConcurrency,
  attemptTimeout,
  type Call,
  circuitBreaker,
  concurrencyLimit,
  execute,
  type Policy,
  pipeline,
  retry,
} from "@outrigger/core";
import { hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

/** Makes the call and keeps what it ends with, error or answer. */
function ended(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}

/** A server that works on so many calls at a time, 50 ms each, and lets the others wait. */
class Server {
  workers: number;
  readonly #clock: VirtualClock;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(clock: VirtualClock, workers: number) {
    this.#clock = clock;
    this.workers = workers;
  }

  readonly call: Call<unknown, string> = (_, context) =>
    new Promise((resolve, reject) => {
      context.onAbort(reject);
      this.#waiting.push(() => resolve("ok"));
      this.#work();
    });

  #work(): void {
    while (this.#busy < this.workers) {
      const answer = this.#waiting.shift();
      if (answer === undefined) return;
      this.#busy += 1;
      this.#clock.setTimer(50, () => {
        this.#busy -= 1;
        answer();
        this.#work();
      });
    }
  }
}

/** Forty callers, each with one call after the other; who is turned away comes back after 50 ms. */
class Callers {
  readonly latenciesMs: number[] = [];
  readonly #clock: VirtualClock;
  readonly #untilMs: number;

  constructor(clock: VirtualClock, forMs: number) {
    this.#clock = clock;
    this.#untilMs = clock.now() + forMs;
  }

  async call(call: Call<unknown, string>): Promise<void> {
    const clock = this.#clock;
    const one = async (): Promise<void> => {
      while (clock.now() < this.#untilMs) {
        const startedAtMs = clock.now();
        if ((await ended(execute(call, undefined, { clock }))) === "ok") {
          this.latenciesMs.push(clock.now() - startedAtMs);
        } else {
          await new Promise<void>((resolve) => clock.setTimer(50, resolve));
        }
      }
    };
    const all = Promise.all(Array.from({ length: 40 }, one));
    await clock.advance(this.#untilMs - clock.now() + 10_000);
    await all;
  }

  /** Of the calls of the last part. */
  get meanMs(): number {
    const last = this.latenciesMs.slice(-200);
    return last.reduce((sum, each) => sum + each, 0) / last.length;
  }
}

async function fortyCallers(
  clock: VirtualClock,
  call: Call<unknown, string>,
  forMs: number,
): Promise<Callers> {
  const callers = new Callers(clock, forMs);
  await callers.call(call);
  return callers;
}

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const server = new Server(clock, 10); // works on 10 calls at a time, 50 ms each
  const limit = adaptiveConcurrency({ name: "maps", clock, random: () => 0.5 });
  const search = pipeline(
    retry(),
    circuitBreaker({ clock, probes: 3 }), // no more than the limit's min: it may have come down to that
    limit,
    attemptTimeout("1s"),
  )(server.call);

  await fortyCallers(clock, search, 60_000);
  const { limit: learnt } = limit.snapshot();
  expect(learnt).toBeGreaterThanOrEqual(10);
  expect(learnt).toBeLessThanOrEqual(18); // a little more than 10, so that it notices when there is room

  server.workers = 5; // half of them are gone
  await fortyCallers(clock, search, 60_000);
  expect(limit.snapshot().limit).toBeLessThanOrEqual(10);
  // #endregion
}

export async function drops(): Promise<void> {
  // #region drops
  const clock = new VirtualClock();
  const events = recordEvents();
  const limit = adaptiveConcurrency({ name: "maps", initial: 20, clock, onEvent: events.listen });
  const search = pipeline(limit, attemptTimeout("1s"))(scripted([hangs()]));

  const calls = Array.from({ length: 21 }, (_, index) => ended(execute(search, index, { clock })));
  const reached = { code: "ADAPTIVE_LIMIT_REACHED", effect: "none", retryAfterMs: 1_000 };
  expect(await calls[20]).toMatchObject(reached);
  await clock.advance(1_000);
  await Promise.all(calls);

  // Twenty calls that were under way together are one piece of news, not twenty.
  expect(limit.snapshot()).toMatchObject({
    limit: 18,
    drops: 20,
    lastChange: "20 to 18: a call timed out or was throttled",
  });
  // #endregion
  expect(events.types).toEqual(["limitReached", "adaptiveLimitChanged"]);
  expect(await calls[20]).toMatchObject({
    kind: "rejected",
    message: "the adaptive concurrency limit of maps (20 now) is reached; try again in 1 s",
  });
}

export function algorithms(): void {
  const clock = new VirtualClock();
  // #region algorithm
  const limit = adaptiveConcurrency({ algorithm: "aimd", aimd: { slowAfter: "2s" }, max: 50, clock });

  limit.reconfigure({ max: 100 }); // what is left out stays, and so does what was learnt
  // #endregion
  expect(limit.snapshot()).toMatchObject({ algorithm: "aimd", max: 100, limit: 20 });
}

/** What the limit has learnt after a second, when the provider hangs and does not stop when told to. */
async function afterATimeout(make: (limit: Policy, timeout: Policy) => Policy): Promise<unknown> {
  const clock = new VirtualClock();
  const limit = adaptiveConcurrency({ clock });
  const policy = make(limit, attemptTimeout("1s"));
  const call = ended(execute(policy(scripted([hangs({ deaf: true })])), "pasta", { clock }));
  await clock.advance(1_000);
  await call;
  return limit.snapshot();
}

export async function wrong(): Promise<void> {
  // #region wrong
  // Wrong: the timeout answers the caller outside of the limit, which goes on waiting and learns nothing.
  const policy = (limit: Policy, timeout: Policy) => pipeline(timeout, limit);

  expect(await afterATimeout(policy)).toMatchObject({ limit: 20, drops: 0 });
  // #endregion
}

export async function right(): Promise<void> {
  // #region right
  // Right: the limit sees the timeout, lowers itself, and holds the slot as long as the work goes on.
  const policy = (limit: Policy, timeout: Policy) => pipeline(limit, timeout);

  expect(await afterATimeout(policy)).toMatchObject({ limit: 18, drops: 1, outliving: 1 });
  // #endregion
}

export async function guessed(): Promise<void> {
  // #region guessed
  const clock = new VirtualClock();
  const guess = await fortyCallers(clock, concurrencyLimit(100)(new Server(clock, 2).call), 120_000);
  expect(guess.meanMs).toBeGreaterThan(900); // forty calls wait in line for two workers

  const learning = adaptiveConcurrency({ clock, random: () => 0.5 });
  const learnt = await fortyCallers(clock, learning(new Server(clock, 2).call), 120_000);
  expect(learnt.meanMs).toBeLessThan(200); // begun in the middle of the overload, it took some measurements
  // #endregion
}

import { seededRandom } from "@outrigger/lab";
import { expect, test } from "vitest";
import {
  type AdaptiveAlgorithm,
  type AdaptiveConcurrencyRules,
  adaptiveSettings,
} from "./adaptive-concurrency-options.ts";
import { chooseAlgorithm } from "./choose-algorithm.ts";
import { Limiter } from "./limiter.ts";

interface Server {
  /** Requests that it works on at a time; the rest waits in its queue. */
  readonly workers: (nowMs: number) => number;
  readonly serviceMs: (nowMs: number, random: () => number) => number;
  /** Who would make the queue longer is refused. */
  readonly queue?: number;
}

interface Seen {
  /** The limit at each whole second. */
  readonly limits: number[];
  /** Requests served, for each second of the last half. */
  readonly perSecond: number;
}

/** Requests that come by chance, at `rate` a second, through a limiter to a server; no time passes. */
function simulate(
  rules: AdaptiveConcurrencyRules,
  initial: number,
  server: Server,
  rate: number,
  seconds: number,
): Seen {
  const random = seededRandom(20_261_122);
  const settings = adaptiveSettings("test", rules);
  const limiter = new Limiter(settings, chooseAlgorithm(settings, random, initial));
  const agenda = new Agenda();
  const limits: number[] = [];
  const queue: { readonly token: number; readonly sinceMs: number }[] = [];
  let busy = 0;
  let served = 0;
  let nowMs = 0;

  const work = (): void => {
    while (busy < server.workers(nowMs)) {
      const request = queue.shift();
      if (request === undefined) return;
      busy += 1;
      agenda.add(nowMs + server.serviceMs(nowMs, random), () => {
        busy -= 1;
        if (nowMs > seconds * 500) served += 1;
        limiter.answered();
        limiter.succeeded(request.token, nowMs - request.sinceMs, nowMs);
        limiter.workEnded();
        work();
      });
    }
  };
  const arrive = (): void => {
    agenda.add(nowMs + (-Math.log(1 - random()) * 1_000) / rate, arrive);
    const token = limiter.admit(nowMs);
    if (token < 0) return;
    if (queue.length < (server.queue ?? Number.POSITIVE_INFINITY)) {
      queue.push({ token, sinceMs: nowMs });
      work();
      return;
    }
    limiter.answered();
    limiter.dropped(token, nowMs);
    limiter.workEnded();
  };
  const look = (): void => {
    limits.push(limiter.limit);
    agenda.add(nowMs + 1_000, look);
  };

  agenda.add(0, arrive);
  agenda.add(1_000, look);
  while (nowMs < seconds * 1_000) {
    const next = agenda.next();
    nowMs = next.atMs;
    next.run();
  }
  return { limits, perSecond: served / (seconds / 2) };
}

interface Entry {
  readonly atMs: number;
  readonly run: () => void;
}

/** What is going to happen, the next first: a binary heap. */
class Agenda {
  readonly #heap: Entry[] = [];

  add(atMs: number, run: () => void): void {
    let at = this.#heap.push({ atMs, run }) - 1;
    for (let parent = (at - 1) >> 1; at > 0; at = parent, parent = (at - 1) >> 1) {
      if (this.#at(parent).atMs <= this.#at(at).atMs) return;
      this.#swap(at, parent);
    }
  }

  next(): Entry {
    const first = this.#at(0);
    this.#swap(0, this.#heap.length - 1);
    this.#heap.pop();
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#at(child).atMs < this.#at(least).atMs) least = child;
      }
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #at(index: number): Entry {
    return this.#heap[index] as Entry;
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#at(b), this.#at(a)];
  }
}

/** About 100 ms. */
const even: Server["serviceMs"] = (_, random) => 95 + 10 * random();
const exponential: Server["serviceMs"] = (_, random) => -Math.log(1 - random()) * 100;
const forty: Server = { workers: () => 40, serviceMs: even };

function range(limits: readonly number[], from: number, to: number): [number, number] {
  const part = limits.slice(from, to);
  return [Math.min(...part), Math.max(...part)];
}

// 40 workers serve 400 requests a second; 800 come.

test.each([3, 20, 200])(
  "gradient settles where its formula says, within 15 in 100, when it starts at %d",
  (initial) => {
    const { limits, perSecond } = simulate({ algorithm: "gradient" }, initial, forty, 800, 240);
    // L = (N (1 + B) / L) L + sqrt L with N = 40 and B = 0.25: 57.6.
    const [least, most] = range(limits, 120, 240);
    expect(least).toBeGreaterThan(57.6 * 0.85);
    expect(most).toBeLessThan(57.6 * 1.15);
    expect(perSecond).toBeGreaterThan(400 * 0.97);
  },
);

test("gradient keeps the server busy also when service times vary as much as exponential ones do", () => {
  const server = { ...forty, serviceMs: exponential };
  const { limits, perSecond } = simulate({ algorithm: "gradient" }, 20, server, 800, 300);
  const [least, most] = range(limits, 60, 300);
  expect(least).toBeGreaterThan(38);
  expect(most).toBeLessThan(75);
  expect(perSecond).toBeGreaterThan(400 * 0.95);
});

test.each([20, 200])("vegas keeps a few waiting, and only a few, when it starts at %d", (initial) => {
  const { limits, perSecond } = simulate({ algorithm: "vegas" }, initial, forty, 800, 300);
  const [least, most] = range(limits, 200, 300);
  expect(least).toBeGreaterThanOrEqual(40);
  expect(most).toBeLessThanOrEqual(40 + 9);
  expect(perSecond).toBeGreaterThan(400 * 0.97);
});

test.each<AdaptiveAlgorithm>(["aimd", "gradient2"])(
  "%s goes up to what a server with a bounded queue holds, a tenth back, and up again",
  (algorithm) => {
    const { limits, perSecond } = simulate({ algorithm }, 60, { ...forty, queue: 60 }, 800, 600);
    const [least, most] = range(limits, 400, 600);
    expect(most).toBe(100);
    expect(least).toBeGreaterThanOrEqual(90);
    expect(perSecond).toBeGreaterThan(400 * 0.99);
  },
);

test("gradient2 follows an overload that lasts: without drops its limit climbs to the maximum", () => {
  const { limits } = simulate({ algorithm: "gradient2", max: 100 }, 20, forty, 800, 1_200);
  expect(limits[60]).toBeLessThan(70);
  expect(limits.at(-1)).toBeGreaterThan(95);
});

test("the limit follows the server down and up: half of the workers, then all of them", () => {
  const workers = (nowMs: number): number => (nowMs > 120_000 && nowMs < 240_000 ? 20 : 40);
  const { limits } = simulate({}, 20, { workers, serviceMs: even }, 800, 360);
  const [beforeLeast] = range(limits, 60, 119);
  const [, halfMost] = range(limits, 180, 239);
  const [afterLeast] = range(limits, 300, 360);
  expect(beforeLeast).toBeGreaterThan(45);
  // For 20 workers the formula says 30.5.
  expect(halfMost).toBeLessThan(40);
  expect(afterLeast).toBeGreaterThan(45);
});

test("a server that is slower by itself, not by its queue, has its slots back after a measurement", () => {
  const serviceMs: Server["serviceMs"] = (nowMs, random) => even(nowMs, random) * (nowMs > 120_000 ? 2 : 1);
  const { limits } = simulate({}, 20, { workers: () => 40, serviceMs }, 800, 480);
  const [dip] = range(limits, 120, 240);
  expect(dip).toBeLessThan(45);
  const [least, most] = range(limits, 360, 480);
  expect(least).toBeGreaterThan(45);
  expect(most).toBeLessThan(57.6 * 1.2);
});

test.each<AdaptiveAlgorithm>(["gradient", "gradient2", "vegas", "aimd"])(
  "%s does not grow while fewer than half of the slots are needed",
  (algorithm) => {
    // One request at a time on average, and hardly ever ten, of 20 slots.
    const { limits } = simulate({ algorithm }, 20, forty, 10, 600);
    expect(range(limits, 0, 600)[1]).toBe(20);
  },
);

import fc from "fast-check";
import { expect, test } from "vitest";
import { aimd } from "./aimd.ts";
import type { LimitAlgorithm, LimitState } from "./limit-algorithm.ts";
import { controlled, Limiter, turnedAway } from "./limiter.ts";

const rules = { windowMs: 10, minimumCalls: 2 };
const bounds = { min: 1, max: 4, backoffRatio: 0.9 };

/** Up to 5 ms is good, and every second window is followed by a measurement with one call at a time. */
const measuring: LimitAlgorithm<LimitState & { readonly steps: number }> = {
  begin: (limit) => ({ limit, allowed: limit, baselineMs: undefined, cause: "steady", steps: 0 }),
  step(state, { latencyMs, dropped, inFlight }) {
    const steps = state.steps + 1;
    if (state.cause === "measuring" && !dropped) return { ...state, allowed: state.limit, cause: "measured" };
    const wanted = state.limit + (dropped || latencyMs > 5 ? -1 : inFlight >= state.limit ? 1 : 0);
    const limit = Math.max(1, Math.min(4, wanted));
    if (steps % 2 === 0 && !dropped) return { ...state, limit, allowed: 1, cause: "measuring", steps };
    return { ...state, limit, allowed: limit, cause: dropped ? "dropped" : "steady", steps };
  },
};

interface Told {
  readonly begunAfterStep: number;
  readonly begunAfterDrop: number;
  readonly begunAfterMeasuring: number;
}

/** The limiter told as a story: who is in, who has answered, and the news since the last time the limit was judged. */
class Story {
  readonly #algorithm: LimitAlgorithm<LimitState>;
  state: LimitState;
  running: Told[] = [];
  outliving = 0;
  #steps = 0;
  #lastDrop = 0;
  #lastMeasuring = 0;
  #news: number[] = [];
  #crowds: number[] = [0];
  #sinceMs: number | undefined;
  #usualMs = 0;

  constructor(algorithm: LimitAlgorithm<LimitState>, limit: number) {
    this.#algorithm = algorithm;
    this.state = algorithm.begin(limit);
  }

  get inUse(): number {
    return this.running.length + this.outliving;
  }

  admit(nowMs: number): boolean {
    if (this.inUse >= Math.floor(this.state.allowed)) return false;
    this.running.push({
      begunAfterStep: this.#steps,
      begunAfterDrop: this.#lastDrop,
      begunAfterMeasuring: this.#lastMeasuring,
    });
    this.#crowds.push(this.inUse);
    this.#sinceMs ??= nowMs;
    return true;
  }

  succeed(call: Told, latencyMs: number, nowMs: number): void {
    this.#answer(call);
    // For a measurement only those count that came into the emptied house.
    const stranger =
      call.begunAfterMeasuring !== this.#lastMeasuring || call.begunAfterDrop !== this.#lastDrop;
    if (this.state.cause === "measuring" && stranger) return;
    this.#news.push(latencyMs);
    const longEnough = nowMs >= (this.#sinceMs ?? nowMs) + Math.max(10, 2 * this.#usualMs);
    if (this.#news.length < 2 || !longEnough) return;
    this.#usualMs = this.#news.reduce((sum, each) => sum + each, 0) / this.#news.length;
    this.#judge(this.#usualMs, false, nowMs);
  }

  drop(call: Told, nowMs: number): void {
    this.#answer(call);
    if (call.begunAfterDrop !== this.#lastDrop) return;
    this.#judge(0, true, nowMs);
    this.#lastDrop = this.#steps;
  }

  ignore(call: Told): void {
    this.#answer(call);
  }

  end(): void {
    this.outliving -= 1;
  }

  #answer(call: Told): void {
    this.running.splice(this.running.indexOf(call), 1);
    this.outliving += 1;
  }

  #judge(latencyMs: number, dropped: boolean, nowMs: number): void {
    this.#steps += 1;
    const inFlight = Math.max(...this.#crowds);
    this.state = this.#algorithm.step(this.state, { latencyMs, calls: this.#news.length, inFlight, dropped });
    if (this.state.cause === "measuring") this.#lastMeasuring = this.#steps;
    this.#news = [];
    this.#crowds = [this.inUse];
    this.#sinceMs = nowMs;
  }
}

const moves = ["admit", "fast", "slow", "drop", "dropLast", "ignore", "end", "wait"] as const;
type Move = (typeof moves)[number];

/** @returns whether the last move did anything that no shorter or equal sequence does. */
function replay(algorithm: LimitAlgorithm<LimitState>, sequence: readonly Move[]): boolean {
  const limiter = new Limiter(rules, controlled(algorithm, algorithm.begin(2)));
  const story = new Story(algorithm, 2);
  const running: { readonly token: number; readonly told: Told }[] = [];
  let nowMs = 0;
  let isNews = true;
  let hasBegun = false;
  const step = (move: Move): boolean => {
    isNews = true;
    if (move === "wait") {
      nowMs += 6;
      // Before the first call no time is counted.
      isNews = hasBegun;
    } else if (move === "admit") {
      hasBegun = true;
      const token = limiter.admit(nowMs);
      isNews = token !== turnedAway;
      if ((token !== turnedAway) !== story.admit(nowMs)) return false;
      const told = story.running.at(-1);
      if (token !== turnedAway && told !== undefined) running.push({ token, told });
    } else if (move === "end") {
      isNews = story.outliving > 0;
      if (!isNews) return true;
      limiter.workEnded();
      story.end();
    } else {
      // The last of one is also the first.
      isNews = running.length > (move === "dropLast" ? 1 : 0);
      const call = move === "dropLast" ? running.pop() : running.shift();
      if (call === undefined) return true;
      limiter.answered();
      const latencyMs = move === "fast" ? 2 : 8;
      if (move === "ignore") story.ignore(call.told);
      else if (move === "fast" || move === "slow") {
        limiter.succeeded(call.token, latencyMs, nowMs);
        story.succeed(call.told, latencyMs, nowMs);
      } else {
        limiter.dropped(call.token, nowMs);
        story.drop(call.told, nowMs);
      }
    }
    return (
      limiter.inUse === story.inUse &&
      limiter.outliving === story.outliving &&
      limiter.allowed === Math.floor(story.state.allowed) &&
      limiter.limit === Math.floor(story.state.limit)
    );
  };
  for (const [index, move] of sequence.entries()) {
    if (!step(move)) expect.fail(sequence.slice(0, index + 1).join(" "));
  }
  const news = isNews;
  // Permits in are permits out: whoever still runs gives the slot back, and then none is taken.
  for (const _ of running) {
    limiter.answered();
    limiter.workEnded();
  }
  for (; story.outliving > 0; story.end()) limiter.workEnded();
  if (limiter.inUse !== 0 || limiter.outliving !== 0) expect.fail(`leaked: ${sequence.join(" ")}`);
  return news;
}

const algorithms: [string, LimitAlgorithm<LimitState>][] = [
  ["aimd", aimd({ ...bounds, slowAfterMs: 5 })],
  ["one that measures", measuring as LimitAlgorithm<LimitState>],
];

test.each(algorithms)(
  "every sequence of ten moves is as the story tells it, with %s",
  (_, algorithm) => {
    // A move that did nothing leaves what a shorter sequence leaves, and that one is looked at as well.
    const explore = (before: readonly Move[], depth: number): void => {
      for (const move of moves) {
        const sequence = [...before, move];
        if (replay(algorithm, sequence) && depth > 1) explore(sequence, depth - 1);
      }
    };
    explore([], 10);
  },
  120_000,
);

test.each(algorithms)("long sequences are as the story tells them, with %s", (_, algorithm) => {
  // Twice as many calls begin as end in any one way, so that the house is seldom empty.
  const some = fc.constantFrom(...moves, "admit", "admit", "fast", "wait");
  fc.assert(
    fc.property(
      fc.oneof(
        { weight: 100, arbitrary: fc.array(some, { minLength: 100, maxLength: 500 }) },
        fc.array(some, { minLength: 10_000, maxLength: 10_000 }),
      ),
      (sequence) => void replay(algorithm, sequence),
    ),
    { numRuns: 500 },
  );
});

import { getEventListeners } from "node:events";
import type { Library, Subject, Work } from "../libraries/library.ts";
import { unmet } from "./expectations.ts";
import type { Behaviour, Case, Ending, OutcomeKind, Step } from "./format.ts";
import { type ScriptTime, settled } from "./time.ts";

interface Attempt {
  readonly startedAtMs: number;
  readonly signal: AbortSignal | undefined;
  endedAtMs: number | undefined;
  end(as: Ending): void;
}

export interface PlayedCall {
  outcome: OutcomeKind;
  error: unknown;
  value: unknown;
  answeredAtMs: number | undefined;
  readonly attempts: Attempt[];
}

/** What a script has done so far, for expectations to look at. */
export class Stage {
  readonly calls: Map<string, PlayedCall> = new Map();
  readonly time: ScriptTime;
  subject: Subject;
  running = 0;
  mostRunning = 0;
  unhandled = 0;
  readonly #library: Library;
  readonly #signals = new Map<string, AbortController>();

  constructor(library: Library, subject: Subject, time: ScriptTime) {
    this.#library = library;
    this.subject = subject;
    this.time = time;
  }

  callsOf(prefix: string): PlayedCall[] {
    return [...this.calls].filter(([name]) => name.startsWith(prefix)).map(([, call]) => call);
  }

  listenersOn(signal: string): number {
    return getEventListeners(this.#controller(signal).signal, "abort").length;
  }

  abort(signal: string): void {
    this.#controller(signal).abort();
  }

  start(name: string, behaviours: readonly Behaviour[], signal: string | undefined): PlayedCall {
    const call: PlayedCall = {
      outcome: "waiting",
      error: undefined,
      value: undefined,
      answeredAtMs: undefined,
      attempts: [],
    };
    this.calls.set(name, call);
    const answered = (outcome: OutcomeKind, fields: Partial<PlayedCall>): void => {
      Object.assign(call, fields, { outcome, answeredAtMs: this.time.now() });
    };
    const work: Work = (workSignal) =>
      this.#play(behaviours[Math.min(call.attempts.length, behaviours.length - 1)] ?? "ok", call, workSignal);
    const subject = this.subject;
    let answer: Promise<unknown>;
    try {
      answer = Promise.resolve(
        subject.call(work, signal === undefined ? undefined : this.#controller(signal).signal),
      );
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      (value) => answered("ok", { value }),
      (error: unknown) => answered(subject.kindOf(error) ?? "failed", { error }),
    );
    return call;
  }

  async load(count: number, as: "ok" | "fail", signal: string | undefined): Promise<void> {
    const own = signal === undefined ? undefined : this.#controller(signal).signal;
    const error = this.#library.unavailable();
    const work: Work = async () => {
      if (as === "fail") throw error;
    };
    for (let done = 0; done < count; done += 100) {
      const calls = Array.from({ length: 100 }, () => this.subject.call(work, own));
      await Promise.allSettled(calls);
    }
  }

  #play(behaviour: Behaviour, call: PlayedCall, signal: AbortSignal | undefined): Promise<unknown> {
    const ending = Promise.withResolvers<unknown>();
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    let stop: (() => void) | undefined;
    const over = (): boolean => {
      if (attempt.endedAtMs !== undefined) return false;
      attempt.endedAtMs = this.time.now();
      this.running -= 1;
      if (stop !== undefined) signal?.removeEventListener("abort", stop);
      return true;
    };
    const attempt: Attempt = {
      startedAtMs: this.time.now(),
      signal,
      endedAtMs: undefined,
      end: (as) => {
        if (!over()) return;
        if (as === "ok") ending.resolve("ok");
        else ending.reject(as === "fail" ? this.#library.unavailable() : this.#library.declined());
      },
    };
    call.attempts.push(attempt);

    const atOnce = immediate(behaviour, this.#library);
    if (atOnce !== undefined) {
      over();
      return atOnce();
    }
    if (behaviour === "ok" || behaviour === "fail" || behaviour === "refuse") attempt.end(behaviour);
    const timed = typeof behaviour === "object" ? behaviour : undefined;
    const cancel =
      timed === undefined ? undefined : this.time.setTimer(timed.afterMs, () => attempt.end(timed.as));
    if (
      attempt.endedAtMs === undefined &&
      behaviour !== "deaf" &&
      timed?.deaf !== true &&
      signal !== undefined
    ) {
      stop = () => {
        cancel?.();
        if (over()) ending.reject(new DOMException("This operation was aborted", "AbortError"));
      };
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop);
    }
    return ending.promise;
  }

  #controller(signal: string): AbortController {
    let controller = this.#signals.get(signal);
    if (controller === undefined) {
      controller = new AbortController();
      this.#signals.set(signal, controller);
    }
    return controller;
  }
}

/** What ends before a promise is made, or is none. */
function immediate(behaviour: Behaviour, library: Library): (() => Promise<unknown>) | undefined {
  if (behaviour === "throws") {
    return () => {
      throw library.unavailable();
    };
  }
  if (behaviour === "plainValue") return () => "ok" as never;
  if (behaviour === "undefined") return () => undefined as never;
  // biome-ignore lint/suspicious/noThenProperty: a thenable is the case under test.
  const thenable = { then: (resolve: (value: string) => void) => resolve("ok") };
  if (behaviour === "thenable") return () => thenable as never;
  return undefined;
}

/** @returns what was not as it must be; undefined when all was. */
export async function play(
  { policies, steps }: Case,
  library: Library,
  time: ScriptTime,
  notes: Set<string>,
): Promise<string | undefined> {
  const stage = new Stage(library, await library.build(policies, time, notes), time);
  const count = (): void => {
    stage.unhandled += 1;
  };
  process.on("unhandledRejection", count);
  try {
    return await playSteps(steps, stage, false);
  } finally {
    await settled();
    process.off("unhandledRejection", count);
  }
}

async function playSteps(steps: readonly Step[], stage: Stage, atOnce: boolean): Promise<string | undefined> {
  for (const step of steps) {
    const wrong = await playStep(step, stage);
    if (wrong !== undefined) return wrong;
    if (!atOnce) await settled();
  }
  return undefined;
}

async function playStep(step: Step, stage: Stage): Promise<string | undefined> {
  if ("expect" in step) return await unmet(step.expect, stage);
  if ("repeat" in step) {
    for (let round = 0; round < step.repeat; round += 1) {
      const wrong = await playSteps(step.steps, stage, false);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if ("atOnce" in step) {
    for (const each of step.atOnce) {
      if ("microtasks" in each) for (let n = 0; n < each.microtasks; n += 1) await undefined;
      else doNow(each, stage);
    }
    return undefined;
  }
  if ("advance" in step) await stage.time.advance(step.advance);
  else if ("load" in step) await stage.load(step.load, step.work, step.signal);
  else if ("callUntilStarted" in step) return await callUntilStarted(step, stage);
  else doNow(step, stage);
  return undefined;
}

/** The steps that take no time. */
function doNow(step: Step, stage: Stage): void {
  if ("call" in step) {
    const behaviours: readonly Behaviour[] = Array.isArray(step.work) ? step.work : [step.work as Behaviour];
    if (step.times === undefined) stage.start(step.call, behaviours, step.signal);
    else {
      for (let n = 1; n <= step.times; n += 1) stage.start(`${step.call}${n}`, behaviours, step.signal);
    }
  } else if ("settle" in step) {
    for (const { attempts } of stage.callsOf(step.settle)) {
      for (const attempt of attempts) attempt.end(step.as);
    }
  } else if ("abort" in step) stage.abort(step.abort);
  else if ("jumpWall" in step) stage.time.jumpWall(step.jumpWall);
  else if ("listen" in step) {
    stage.subject.listen?.(() => {
      throw new Error("a listener throws");
    });
  } else if ("reconfigure" in step) stage.subject.reconfigure?.(step.reconfigure);
  else if ("restore" in step) stage.subject = stage.subject.restored?.() ?? stage.subject;
}

async function callUntilStarted(
  step: Extract<Step, { callUntilStarted: string }>,
  stage: Stage,
): Promise<string | undefined> {
  for (let passedMs = 0; passedMs <= step.forMs; passedMs += step.everyMs) {
    const call = stage.start(step.callUntilStarted, [step.work], undefined);
    await settled();
    if (call.attempts.length > 0) return undefined;
    const last = call.outcome;
    if (passedMs + step.everyMs > step.forMs) {
      return `no call was let through for ${step.forMs / 60_000} min, the last one is ${last}`;
    }
    await stage.time.advance(step.everyMs);
  }
  return undefined;
}

import type { Call, CallContext, Failure } from "@outrigger/core";
import type { ScriptedOutcome } from "./outcomes.ts";

/** One time the scripted call was called. Instants are of the call's clock. */
export interface ScriptedAttempt {
  /** The attempt number its context carried; counts the first call as 1. */
  readonly attempt: number;
  /** The idempotency key its context carried. */
  readonly key: string | undefined;
  readonly input: unknown;
  readonly startedAtMs: number;
  /** Undefined while it runs, and for ever when it hangs and is deaf. */
  readonly endedAtMs: number | undefined;
  readonly status: "running" | "answered" | "failed";
  /** Whether it was told to stop before it ended. */
  readonly aborted: boolean;
  /** The code of the failure it was told to stop with, such as `ATTEMPT_TIMEOUT`. */
  readonly abortCode: string | undefined;
}

export interface ScriptedCall<O> extends Call<unknown, O> {
  /** Every attempt so far, in the order in which they started; grows and changes as they go on. */
  readonly attempts: readonly ScriptedAttempt[];
  /**
   * Milliseconds between each attempt's end, or the moment it was told to stop, and the start of the next one.
   * 0 where the next one started while it still ran, as a hedge does.
   */
  readonly waits: readonly number[];
  /** When each attempt started, in milliseconds after the first. */
  readonly starts: readonly number[];
  /** Attempts that have not ended, also those that nobody waits for any more. */
  readonly running: number;
}

/** What is written to while the attempt goes on. */
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Live = Mutable<ScriptedAttempt> & { stoppedAtMs: number | undefined };

/**
 * A call whose attempts go as written, one outcome for each, to test a pipeline with: `scripted([fails(busy),
 * answers("paid")])` fails once and then answers. Attempts beyond the script go like its last one.
 *
 * It takes time only from its context's clock, so on a {@link VirtualClock} a test of a minute takes none:
 * hand the clock to `execute(call, input, { clock })`.
 *
 * @throws TypeError when the script is empty.
 */
export function scripted<O>(script: readonly ScriptedOutcome<O>[]): ScriptedCall<O> {
  const last = script.at(-1);
  if (last === undefined) {
    throw new TypeError('scripted needs at least one outcome; write scripted([answers("ok")])');
  }
  const lives: Live[] = [];
  const call = (input: unknown, context: CallContext): Promise<O> => {
    const live = begun(input, context);
    lives.push(live);
    return play(script[lives.length - 1] ?? last, live, context);
  };
  return Object.defineProperties(call, {
    attempts: { get: () => lives },
    waits: { get: () => lives.slice(1).map((live, index) => waitBetween(lives[index], live)) },
    starts: { get: () => lives.map((live) => live.startedAtMs - (lives[0]?.startedAtMs ?? 0)) },
    running: { get: () => lives.filter(({ status }) => status === "running").length },
  }) as ScriptedCall<O>;
}

function begun(input: unknown, context: CallContext): Live {
  return {
    attempt: context.attempt,
    key: context.key,
    input,
    startedAtMs: context.clock.now(),
    endedAtMs: undefined,
    status: "running",
    aborted: false,
    abortCode: undefined,
    stoppedAtMs: undefined,
  };
}

function play<O>(outcome: ScriptedOutcome<O>, live: Live, context: CallContext): Promise<O> {
  const end = (status: "answered" | "failed"): void => {
    live.status = status;
    live.endedAtMs = context.clock.now();
  };
  if (outcome.kind === "throw") {
    end("failed");
    throw outcome.error;
  }
  if (outcome.kind === "return") {
    end("answered");
    // What a caller without types may do is the case under test.
    return outcome.value as Promise<O>;
  }
  if (outcome.effect !== undefined) context.record(outcome.effect);
  return new Promise<O>((resolve, reject) => {
    const settle = (): void => {
      if (outcome.kind === "hang") return;
      forget();
      end(outcome.kind === "answer" ? "answered" : "failed");
      if (outcome.kind === "answer") resolve(outcome.value);
      else reject(outcome.error);
    };
    const timer =
      outcome.kind === "hang" || outcome.afterMs === 0
        ? undefined
        : context.clock.setTimer(outcome.afterMs, settle);
    const forget = context.onAbort((reason: Failure) => {
      live.aborted = true;
      live.abortCode = reason.code;
      live.stoppedAtMs = context.clock.now();
      if (outcome.deaf) return;
      timer?.cancel();
      end("failed");
      reject(reason);
    });
    if (timer === undefined && live.status === "running") settle();
  });
}

function waitBetween(before: Live | undefined, after: Live): number {
  if (before === undefined) return 0;
  const overAtMs = Math.min(before.endedAtMs ?? Infinity, before.stoppedAtMs ?? Infinity);
  return overAtMs > after.startedAtMs ? 0 : after.startedAtMs - overAtMs;
}

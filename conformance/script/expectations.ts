import type { Bound, Expectation } from "./format.ts";
import type { PlayedCall, Stage } from "./player.ts";

/** @returns what is not as it must be, in words for a table's cell; undefined when all is. */
export async function unmet(expected: Expectation, stage: Stage): Promise<string | undefined> {
  for (const [name, check] of Object.entries(checks)) {
    if (!(name in expected)) continue;
    const seen = await check(expected as Required<Expectation>, stage);
    if (seen !== undefined) return `${expected.otherwise} (${seen})`;
  }
  return undefined;
}

type Check = (
  expected: Required<Expectation>,
  stage: Stage,
) => string | undefined | Promise<string | undefined>;

const checks: { readonly [Name in Exclude<keyof Expectation, "otherwise">]: Check } = {
  state({ state }, { subject }) {
    const seen = subject.state?.();
    return seen === undefined || seen === state ? undefined : `state ${seen}, not ${state}`;
  },
  outcome({ outcome: { of, is } }, stage) {
    const seen = stage.calls.get(of)?.outcome ?? "waiting";
    return (Array.isArray(is) ? is : [is]).includes(seen)
      ? undefined
      : `call ${of} is ${seen}${detail(stage.calls.get(of))}`;
  },
  calls({ calls }, stage) {
    const seen = stage.callsOf(calls.of).filter(({ outcome }) => outcome === calls.with).length;
    return beyond(calls.are, seen, `calls ${calls.with}`);
  },
  attempts({ attempts }, stage) {
    const seen = stage.callsOf(attempts.of).reduce((sum, call) => sum + call.attempts.length, 0);
    return beyond(attempts.are, seen, "attempts");
  },
  running: ({ running }, stage) => beyond(running, stage.running, "running"),
  mostRunning: ({ mostRunning }, stage) => beyond(mostRunning, stage.mostRunning, "running at a time"),
  waits({ waits }, stage) {
    const seen = waitsOf(stage.calls.get(waits.of));
    const start = seen.slice(0, waits.start?.length ?? 0);
    if (waits.start !== undefined && start.join() !== waits.start.join()) {
      return `waits of ${start.join(", ")} ms, not ${waits.start.join(", ")} ms`;
    }
    const { min, max } = waits.each ?? { min: 0, max: Number.POSITIVE_INFINITY };
    const outside = seen.find((ms) => !(ms >= min && ms <= max));
    return outside === undefined ? undefined : `a wait of ${outside} ms`;
  },
  answeredAtMs({ answeredAtMs: { of, is } }, stage) {
    const seen = stage.calls.get(of)?.answeredAtMs;
    return seen === undefined ? `call ${of} is not answered` : beyond(is, seen, "ms when it was answered");
  },
  workSignal({ workSignal: { of, aborted } }, stage) {
    const signal = stage.calls.get(of)?.attempts.at(-1)?.signal;
    return signal?.aborted === aborted ? undefined : `the signal of ${of} is ${aborted ? "not " : ""}aborted`;
  },
  listenersOn: ({ listenersOn }, stage) =>
    beyond(listenersOn.are, stage.listenersOn(listenersOn.signal), "listeners are left"),
  unhandledRejections: ({ unhandledRejections }, stage) =>
    beyond(unhandledRejections, stage.unhandled, "unhandled rejections"),
  timersThatHold: ({ timersThatHold }, stage) =>
    beyond(timersThatHold, stage.time.holding(), "timers hold the process"),
  errorChain({ errorChain }, stage) {
    const [first, last] = [errorChain.first, errorChain.last].map((name) => stage.calls.get(name)?.error);
    if (depthOf(last) > depthOf(first)) return `${depthOf(last)} errors in the chain`;
    return stackOf(last) > stackOf(first) ? "the stack has grown" : undefined;
  },
  readable(_, { subject }) {
    try {
      subject.read?.();
      return undefined;
    } catch (error) {
      return String(error);
    }
  },
  async heldPerCall({ heldPerCall: { calls, atMostBytes } }, stage) {
    // Only where the process was started with --expose-gc; a heap that was not collected says nothing.
    if (globalThis.gc === undefined) return undefined;
    await stage.load(calls, "ok", undefined);
    const before = heapBytes();
    await stage.load(calls, "ok", undefined);
    const held = (heapBytes() - before) / calls;
    return held <= atMostBytes ? undefined : `more than ${atMostBytes} bytes are held for each call`;
  },
};

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function beyond(bound: Bound, seen: number, unit: string): string | undefined {
  if (typeof bound === "number") return seen === bound ? undefined : `${seen} ${unit}, not ${bound}`;
  if ("atMost" in bound) {
    return seen <= bound.atMost ? undefined : `${seen} ${unit}, at most ${bound.atMost} allowed`;
  }
  return seen >= bound.atLeast ? undefined : `${seen} ${unit}, at least ${bound.atLeast} expected`;
}

function waitsOf(call: PlayedCall | undefined): number[] {
  const attempts = call?.attempts ?? [];
  return attempts.slice(1).map(({ startedAtMs }, index) => startedAtMs - (attempts[index]?.endedAtMs ?? 0));
}

/** What an error says, where the call ended in a way that was not meant. */
function detail(call: PlayedCall | undefined): string {
  return call?.error instanceof Error ? `: ${call.error.name}: ${call.error.message}` : "";
}

function depthOf(error: unknown): number {
  let depth = 0;
  for (let each = error; each instanceof Error && depth < 100; each = each.cause) depth += 1;
  return depth;
}

function stackOf(error: unknown): number {
  return error instanceof Error ? (error.stack ?? "").length : 0;
}

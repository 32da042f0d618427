import { Cause, Duration, Effect, Exit, Option, Schedule, Scope, Semaphore, Stream } from "effect";
import { CircuitBreaker } from "effect/persistence";
import type { BreakerSetup, OutcomeKind, PolicySetup, RetrySetup, State } from "../script/format.ts";
import { Declined, isAbortError, type Library, NoSuchPolicy, type Subject, Unavailable } from "./library.ts";

type Program = Effect.Effect<unknown, unknown>;
/** Wraps a program; `state` and `transitions` where it is a breaker, `resize` where it is a limit. */
interface Part {
  readonly around: (inner: Program) => Program;
  readonly breaker?: CircuitBreaker.CircuitBreaker;
  readonly limit?: Semaphore.Semaphore;
}

/** What the semaphore's "not available" is made into. */
class NoPermit extends Error {}

const key = "script";

export const effect: Library = {
  name: "Effect",
  version: "4.1.0",
  lacks: {
    reconfigureBreaker: "a breaker's policy cannot be changed once made",
    restore: "the memory store exports nothing; the Redis store outlives a process instead",
  },
  documented: {
    T2: '"Consecutive" counts in order of completion, not of start',
  },
  remarks: {
    T13: "the work ignores its signal, so interrupting it frees the permit and not the work",
    T26: "its types ask for a promise; Effect.try and Effect.sync are for plain values",
  },
  unavailable: () => new Unavailable("503"),
  declined: () => new Declined("card declined"),
  async build(policies, _time, notes) {
    const parts: Part[] = [];
    for (const setup of policies) parts.push(await partOf(setup, notes));
    return subject(parts);
  },
};

function subject(parts: readonly Part[]): Subject {
  const breaker = parts.find((part) => part.breaker !== undefined)?.breaker;
  const limit = parts.find((part) => part.limit !== undefined)?.limit;
  return {
    call(work, signal) {
      const attempt = Effect.tryPromise({ try: (own) => work(own), catch: (error) => error });
      const program = parts.reduceRight<Program>((inner, part) => part.around(inner), attempt);
      return Effect.runPromise(program, signal === undefined ? {} : { signal });
    },
    ...(breaker === undefined ? {} : { state: () => stateOf(breaker) }),
    kindOf,
    ...(breaker === undefined
      ? {}
      : {
          listen: (listener: () => void) =>
            void Effect.runFork(Stream.runForEach(breaker.transitions, () => Effect.sync(listener))),
        }),
    ...(limit === undefined
      ? {}
      : {
          reconfigure(policies: readonly PolicySetup[]) {
            const setup = policies.find((each) => each.kind === "limit");
            if (setup !== undefined) Effect.runSync(limit.resize(setup.calls));
          },
        }),
    read: () => (breaker === undefined ? undefined : stateOf(breaker)),
  };
}

function stateOf(breaker: CircuitBreaker.CircuitBreaker): State {
  const { _tag } = Effect.runSync(breaker.state(key));
  return _tag === "HalfOpen" ? "halfOpen" : _tag === "Open" ? "open" : "closed";
}

async function partOf(setup: PolicySetup, notes: Set<string>): Promise<Part> {
  switch (setup.kind) {
    case "timeout":
      return { around: (inner) => Effect.timeout(inner, Duration.millis(setup.ms)) };
    case "retry":
      return { around: retryOf(setup, notes) };
    case "breaker":
      return await breakerOf(setup, notes);
    case "limit": {
      const limit = Semaphore.makeUnsafe(setup.calls);
      if (setup.queue !== undefined) {
        notes.add("withPermits: of a Semaphore; its queue has no bound");
        return { around: (inner) => limit.withPermits(1)(inner), limit };
      }
      notes.add("withPermitsIfAvailable: of a Semaphore; none is a rejection");
      return {
        around: (inner) =>
          Effect.flatMap(limit.withPermitsIfAvailable(1)(inner), (value) =>
            Option.isNone(value) ? Effect.fail(new NoPermit("no permit")) : Effect.succeed(value.value),
          ),
        limit,
      };
    }
    case "hedge":
      throw new NoSuchPolicy("no hedging");
  }
}

function retryOf(setup: RetrySetup, notes: Set<string>): (inner: Program) => Program {
  if (setup.budget !== undefined) throw new NoSuchPolicy("no retry budget");
  const { backoff, maxRetries } = setup;
  const schedule =
    "fixedMs" in backoff
      ? Schedule.spaced(Duration.millis(backoff.fixedMs))
      : Schedule.exponential(Duration.millis(backoff.firstMs), backoff.factor).pipe(
          backoff.jitter === "none" ? (each) => each : Schedule.jittered,
          Schedule.modifyDelay(({ duration }) =>
            Effect.succeed(Duration.min(duration, Duration.millis(backoff.maxMs))),
          ),
        );
  if (setup.filter === "default") return (inner) => Effect.retry(inner, { schedule, times: maxRetries });
  notes.add("while: leaves out own rejections, aborts and business answers");
  const mends = (error: unknown): boolean => kindOf(error) === undefined || kindOf(error) === "timedOut";
  return (inner) => Effect.retry(inner, { schedule, times: maxRetries, while: mends });
}

async function breakerOf(setup: BreakerSetup, notes: Set<string>): Promise<Part> {
  const { window } = setup;
  if ("ms" in window) throw new NoSuchPolicy("no time window");
  if (setup.probes > 1) notes.add("one probe: there is no option for more");
  notes.add("classify: own rejections are ignored, business answers are successes");
  const scope = Effect.runSync(Scope.make());
  const made = CircuitBreaker.make({
    tripPolicy:
      "inARow" in window
        ? CircuitBreaker.consecutive(window.inARow)
        : CircuitBreaker.rate({
            threshold: setup.failureRatio,
            size: window.calls,
            minimumCalls: setup.minimumCalls,
          }),
    openDuration: Duration.millis(setup.openForMs),
  });
  const breaker = await Effect.runPromise(
    made.pipe(Scope.provide(scope), Effect.provide(CircuitBreaker.layerStoreMemory())),
  );
  return {
    around: (inner) => breaker.execute(inner, { key, classify }),
    breaker,
  };
}

function classify(exit: Exit.Exit<unknown, unknown>): CircuitBreaker.Outcome {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success;
  const kind = kindOf(Cause.squash(exit.cause));
  if (kind === "rejected" || kind === "aborted") return CircuitBreaker.ignored;
  return kind === "refused" ? CircuitBreaker.success : CircuitBreaker.failure();
}

function kindOf(error: unknown): OutcomeKind | undefined {
  const tag: unknown = (error as { _tag?: unknown } | undefined)?._tag;
  if (error instanceof NoPermit || tag === "CircuitBreakerError") return "rejected";
  if (Cause.isTimeoutError(error)) return "timedOut";
  if (isAbortError(error) || (error instanceof Error && /interrupted/.test(error.message))) return "aborted";
  return error instanceof Declined ? "refused" : undefined;
}

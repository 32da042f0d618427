// One script format that no library owns. A trap is data: what to set up, what happens, what must then be so.

/** A policy in words that each adapter translates into its library's nearest documented options. */
export type PolicySetup =
  | { readonly kind: "timeout"; readonly ms: number; readonly byDefault?: true }
  | RetrySetup
  | BreakerSetup
  | { readonly kind: "limit"; readonly calls: number; readonly queue?: number }
  | { readonly kind: "hedge"; readonly afterMs: number; readonly budget: BudgetSetup };

export interface RetrySetup {
  readonly kind: "retry";
  readonly maxRetries: number;
  readonly backoff: BackoffSetup;
  readonly budget?: BudgetSetup;
  /** `default`: as it comes, without a filter. `documented`: own rejections and aborts are filtered out. */
  readonly filter?: "default" | "documented";
}

export type BackoffSetup =
  | { readonly fixedMs: number }
  | {
      readonly firstMs: number;
      readonly factor: number;
      readonly maxMs: number;
      readonly jitter: "none" | "full";
    };

/** Extra calls for each first call, and how many a second there are without any. */
export interface BudgetSetup {
  readonly ratio: number;
  readonly perSecond: number;
}

export interface BreakerSetup {
  readonly kind: "breaker";
  readonly window: { readonly calls: number } | { readonly ms: number } | { readonly inARow: number };
  /** Opens at this share of failures, or above it. */
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly openForMs: number;
  readonly probes: number;
  readonly maxHalfOpenMs: number;
}

export type State = "closed" | "open" | "halfOpen";

/** What became of a call: `failed` and `refused` come from the work, the last three from policies or the caller. */
export type OutcomeKind = "waiting" | "ok" | "failed" | "refused" | "rejected" | "timedOut" | "aborted";

/** How one attempt of the work behaves. Unless it is deaf, it stops with an `AbortError` when its signal says so. */
export type Behaviour =
  | "ok"
  | "fail"
  /** A business no: a declined card. A timely answer, so the other side is healthy. */
  | "refuse"
  /** Ends by a `settle` step. */
  | "manual"
  /** Ends by a `settle` step, and not when it is told to stop. */
  | "deaf"
  | "throws"
  | "plainValue"
  | "undefined"
  | "thenable"
  | { readonly afterMs: number; readonly as: "ok" | "fail"; readonly deaf?: boolean };

export type Ending = "ok" | "fail" | "refuse";

export type Step =
  /** Starts a call; with `times`, that many: `a` becomes `a1`, `a2` … Attempts beyond the list go like its last. */
  | {
      readonly call: string;
      readonly work: Behaviour | readonly Behaviour[];
      readonly signal?: string;
      readonly times?: number;
    }
  /** Ends the running attempts of all calls whose name starts so. */
  | { readonly settle: string; readonly as: Ending }
  | { readonly advance: number }
  | { readonly abort: string }
  /** Sets the wall clock forward or back; time that only passes does not notice. */
  | { readonly jumpWall: number }
  /** Without letting promises run in between. */
  | { readonly atOnce: readonly Step[] }
  | { readonly microtasks: number }
  /** Calls again and again until one is let through. */
  | {
      readonly callUntilStarted: string;
      readonly work: Behaviour;
      readonly everyMs: number;
      readonly forMs: number;
    }
  /** Subscribes a listener that throws to everything the library reports. */
  | { readonly listen: "throwing" }
  | { readonly reconfigure: readonly PolicySetup[] }
  /** Exports the state as JSON and goes on with a new instance made from it. */
  | { readonly restore: true }
  /** So many calls, a hundred at a time, that are not looked at one by one. */
  | { readonly load: number; readonly work: "ok" | "fail"; readonly signal?: string }
  | { readonly repeat: number; readonly steps: readonly Step[] }
  | { readonly expect: Expectation };

export type Bound = number | { readonly atMost: number } | { readonly atLeast: number };

/** Every field that is given must hold. */
export interface Expectation {
  /** What is so when it does not hold: "the late failure moved the circuit". */
  readonly otherwise: string;
  readonly state?: State;
  readonly outcome?: { readonly of: string; readonly is: OutcomeKind | readonly OutcomeKind[] };
  /** How many calls whose name starts so have that outcome. */
  readonly calls?: { readonly of: string; readonly with: OutcomeKind; readonly are: Bound };
  /** Attempts of such calls that have started. */
  readonly attempts?: { readonly of: string; readonly are: Bound };
  /** Attempts that truly run now; the most that ever ran at a time. */
  readonly running?: Bound;
  readonly mostRunning?: Bound;
  /** Waits between the end of an attempt and the start of the next. */
  readonly waits?: {
    readonly of: string;
    readonly start?: readonly number[];
    readonly each?: { readonly min: number; readonly max: number };
  };
  readonly answeredAtMs?: { readonly of: string; readonly is: Bound };
  /** The signal that the work of the call was given. */
  readonly workSignal?: { readonly of: string; readonly aborted: boolean };
  readonly listenersOn?: { readonly signal: string; readonly are: 0 };
  readonly unhandledRejections?: 0;
  /** Timers that would keep the process from ending. */
  readonly timersThatHold?: 0;
  /** Errors in the chain of causes of the last call's error, and growth of its stack since the first such call. */
  readonly errorChain?: { readonly first: string; readonly last: string };
  /** Reading the counters and the state does not throw. */
  readonly readable?: true;
  /** Makes so many calls at the present instant to warm up, as many again, and sees what those keep in memory. */
  readonly heldPerCall?: { readonly calls: number; readonly atMostBytes: number };
}

export interface Case {
  /** Distinguishes the cases of a trap in the table's cell. */
  readonly name: string;
  /** Outermost first. */
  readonly policies: readonly PolicySetup[];
  readonly steps: readonly Step[];
  /** The case says nothing where a library has no way to do this. */
  readonly needs?: readonly Feature[];
  /** Run and shown, not judged: what the library does when its options are left alone. */
  readonly aside?: true;
}

/** What a case may need of a library besides its policies. */
export type Feature =
  | "abortOfWaits"
  | "workSignal"
  | "listeners"
  | "reconfigure"
  | "reconfigureBreaker"
  | "restore";

export interface Trap {
  /** `T1` … `T35`, the numbers of the research notes. */
  readonly id: string;
  readonly title: string;
  /** What goes wrong, in one line. */
  readonly meaning: string;
  readonly cases: readonly Case[];
  /** Both behaviours are right, so the cases are run and shown, and the library must document which is its own. */
  readonly choice?: true;
}

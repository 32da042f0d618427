import {
  answerOf,
  assertKnownKeys,
  assertObject,
  coreFailureCodes,
  type Duration,
  durationMs,
  type Effect,
  Failure,
  functionAt,
  integerIn,
  join,
} from "@outrigger/core";
import { HttpFailure, httpFailureCodes } from "../failure.ts";
import { redundancyFailureCodes } from "../redundancy/redundancy-failure.ts";
import { longestRetryAfterMs } from "../retry-after.ts";

/** RFC 9457. Says what happened to our caller's request, and nothing of what happened inside. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Whether the change that was asked for may have been made. */
  readonly effect: Effect;
  /** Where to ask what became of it; stands in `Location` as well. */
  readonly location?: string;
  /** Only where `show` names it. */
  readonly code?: string;
  /** The failure's own message. Only where `show` names it. */
  readonly message?: string;
}

/** A whole answer. */
export interface ProblemAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

export interface ProblemRules {
  /**
   * Answers for codes that mean something to our own callers: `{ HTTP_402: { status: 402, title: "Card declined" } }`.
   * A provider's own code (`REJECT_CARD_COMPANY`), where one of an operation's lists names it, goes before the failure's.
   * What is left out is as it would be without.
   */
  readonly byCode?: Readonly<Record<string, ProblemOverride>> | undefined;
  /** What an answer tells of the inside, for callers that may know. @defaultValue nothing */
  readonly show?: readonly ("code" | "message")[] | undefined;
  /** `Retry-After` of a 503 or 202 whose failure names no time. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
}

export interface ProblemOverride {
  /** Range: 200 to 599. */
  readonly status?: number | undefined;
  readonly type?: string | undefined;
  readonly title?: string | undefined;
  readonly detail?: string | undefined;
}

/** The change is being settled: its outcome will be known, here or elsewhere. */
export interface BeingSettled {
  /** Where to ask: a path or an address, as `Location` takes it. */
  readonly location?: string | undefined;
}

/** The rules, read and checked. */
export interface ProblemSettings {
  readonly byCode: ReadonlyMap<string, ProblemOverride>;
  readonly show: ReadonlySet<string>;
  readonly retryAfterMs: number;
}

/** - `retryAfter` 1 s: the shortest that the header can say. */
export const problemDefaults: { readonly retryAfter: Duration } = { retryAfter: "1s" };

/** The other side, or the way to it, took too long. */
const timeouts: ReadonlySet<string> = new Set([
  coreFailureCodes.deadlineExceeded,
  coreFailureCodes.attemptTimeout,
  httpFailureCodes.connectTimeout,
  httpFailureCodes.readTimeout,
  "HTTP_504",
]);

/** Statuses of failures that are not told by their kind. */
const statusByCode: ReadonlyMap<string, number> = new Map([
  [redundancyFailureCodes.keyInUse, 409],
  [httpFailureCodes.keyReused, 422],
  // The ledger's.
  ["KEY_REUSED", 422],
  [httpFailureCodes.closed, 503],
]);

const titles: Readonly<Record<number, string>> = {
  202: "Not settled yet",
  409: "Already in progress",
  422: "Key used for something else",
  500: "Internal error",
  502: "A service behind this one failed",
  503: "Temporarily unavailable",
  504: "A service behind this one did not answer in time",
};

const details: Readonly<Record<Effect, string>> = {
  none: "Nothing was changed.",
  unknown: "It is not known whether the change was made.",
  done: "The change was made, and its result could not be read.",
};

/** @throws RangeError or TypeError that names the option, the value and the fix. */
export function problemSettings(rules: ProblemRules): ProblemSettings {
  assertKnownKeys("problems", rules, ["byCode", "show", "retryAfter"]);
  const { byCode = {}, show = [], retryAfter = problemDefaults.retryAfter } = rules;
  assertObject("problems.byCode", byCode);
  for (const [code, override] of Object.entries(byCode)) {
    const path = join("problems.byCode", code);
    assertKnownKeys(path, override, ["status", "type", "title", "detail"]);
    if (override.status !== undefined) integerIn(join(path, "status"), override.status, 200, 599);
  }
  if (!Array.isArray(show) || show.some((each) => each !== "code" && each !== "message")) {
    throw new RangeError('problems.show must be a list of "code" and "message", or empty');
  }
  return {
    byCode: new Map(Object.entries(byCode)),
    show: new Set(show),
    retryAfterMs: durationMs("problems.retryAfter", retryAfter),
  };
}

/**
 * What our own caller is told of a failure. Pure.
 *
 * - Turned away by a policy of ours: 503, and when to come back.
 * - Out of time: 504.
 * - A change that may have been made, and is being settled: 202, and where to ask.
 * - All else that came from the other side: 502. Also its "no": whether that is our caller's business (a declined card)
 *   or ours (a wrong key of ours), only `byCode` can say.
 *
 * @param settled - What is done about a change that may have been made; undefined where nothing is.
 */
export function problemOf(
  failure: Failure,
  settings: ProblemSettings,
  settled?: BeingSettled,
): ProblemAnswer {
  const { code, effect, retryAfterMs } = failure;
  const isSettled = effect !== "none" && settled !== undefined;
  const override = settings.byCode.get(providerCodeOf(failure) ?? code) ?? settings.byCode.get(code) ?? {};
  const status = override.status ?? (isSettled ? 202 : statusOf(failure));
  const location = isSettled ? headerValue(settled.location) : undefined;
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    // An answer about this very call; nobody else may be given it.
    "cache-control": "no-store",
  };
  if (location !== undefined) headers["location"] = location;
  const waits = status === 503 || status === 202;
  if (waits || (status >= 500 && retryAfterMs !== undefined)) {
    headers["retry-after"] = retryAfterSeconds(retryAfterMs ?? settings.retryAfterMs);
  }
  return {
    status,
    headers,
    problem: {
      type: override.type ?? "about:blank",
      title: override.title ?? titles[status] ?? "The request failed",
      status,
      detail: override.detail ?? details[effect],
      effect,
      ...(location === undefined ? {} : { location }),
      ...(settings.show.has("code") ? { code } : {}),
      ...(settings.show.has("message") ? { message: failure.message } : {}),
    },
  };
}

/** Also of the failure behind one that stands for several. */
function providerCodeOf(failure: Failure): string | undefined {
  if (HttpFailure.is(failure)) return failure.providerCode;
  return HttpFailure.is(failure.cause) ? failure.cause.providerCode : undefined;
}

/** The same for any error; undefined for one that is not ours. */
export function problemOfError(
  error: unknown,
  settings: ProblemSettings,
  settled?: (failure: Failure) => BeingSettled | undefined,
): ProblemAnswer | undefined {
  if (!Failure.is(error)) return undefined;
  return problemOf(error, settings, error.effect === "none" ? undefined : settled?.(error));
}

function statusOf({ code, kind, effect, transient }: Failure): number {
  const known = statusByCode.get(code);
  if (known !== undefined) return known;
  // A request that cannot be sent as it was given is a mistake in this service.
  if (kind === "rejected") return transient || effect !== "none" ? 503 : 500;
  // Our caller has gone and reads nothing, or this service is stopping.
  if (kind === "aborted") return 503;
  return timeouts.has(code) ? 504 : 502;
}

/** Whole seconds, rounded up: who comes back early is turned away again. */
function retryAfterSeconds(ms: number): string {
  const bounded = Math.min(Math.max(ms, 0), longestRetryAfterMs);
  return String(Math.max(1, Math.ceil((Number.isNaN(bounded) ? 0 : bounded) / 1_000)));
}

/** Left out rather than thrown over: an answer without the address is better than none. */
function headerValue(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** What the adapters of all frameworks take. */
export interface ServerProblemOptions<Request> extends ProblemRules {
  /**
   * Says of a change that may have been made what is done about it: it is then answered with 202. Where this throws or
   * says undefined, it is answered as a failure, whose `effect` says `unknown`.
   */
  readonly settled?: ((failure: Failure, request: Request) => BeingSettled | undefined) | undefined;
  /** Hears each failure that was answered, with all that the answer leaves out. What it throws is dropped. */
  readonly onFailure?: ((failure: Failure, answer: ProblemAnswer, request: Request) => void) | undefined;
}

/** What our caller is told of an error in this request; undefined for an error that is not ours. */
export type Answering<Request> = (error: unknown, request: Request) => ProblemAnswer | undefined;

/** @throws RangeError or TypeError that names the option, the value and the fix. */
export function answering<Request>(options: ServerProblemOptions<Request>): Answering<Request> {
  assertKnownKeys("problems", options, ["byCode", "show", "retryAfter", "settled", "onFailure"]);
  const { settled, onFailure, ...rules } = options;
  if (settled !== undefined) functionAt("problems.settled", settled);
  if (onFailure !== undefined) functionAt("problems.onFailure", onFailure);
  const settings = problemSettings(rules);
  return (error, request) => {
    // The user's own functions must not turn one failure into another, nor answer later than we do.
    const answer = problemOfError(
      error,
      settings,
      (failure) => settled && answerOf(settled, failure, request),
    );
    if (answer !== undefined && onFailure !== undefined)
      answerOf(onFailure, error as Failure, answer, request);
    return answer;
  };
}

export { type Clock, type Random, systemClock, systemRandom, type Timer } from "./clock/clock.ts";
export { type Call, execute, type Policy, pipeline } from "./context/call.ts";
export { CallContext, type CallOptions } from "./context/call-context.ts";
export { type Duration, type DurationRange, durationMs, formatDuration, show } from "./duration/duration.ts";
export { type Event, EventStream, type Listener } from "./events/events.ts";
export {
  coreFailureCodes,
  type Effect,
  Failure,
  type FailureInit,
  type FailureKind,
  type Verdict,
  verdictOf,
  worseEffect,
} from "./failure/failure.ts";
export {
  assertKnownKeys,
  assertObject,
  integerIn,
  join,
  nonEmptyString,
  oneOf,
  ratioIn,
} from "./options/options.ts";

import { durationText } from "../duration/duration.ts";
import type { LimitMove } from "./limiter.ts";

/** "20 to 18: a call timed out or was throttled", for snapshots and events. */
export function describeMove({ from, to, cause, latencyMs, baselineMs }: LimitMove): string {
  const moved = `${from} to ${to}: `;
  if (cause === "dropped") return `${moved}a call timed out or was throttled`;
  if (latencyMs === undefined) return `${moved}other rules`;
  const latency = `the mean latency is ${latencyText(latencyMs)}`;
  const against = baselineMs === undefined ? "" : `, against ${latencyText(baselineMs)}`;
  return `${moved}${latency}${against}`;
}

/** Unlike in other messages tenths count here: a call within a data centre takes less than a millisecond. */
function latencyText(ms: number): string {
  return ms < 10 ? `${Math.round(ms * 10) / 10} ms` : durationText(ms);
}

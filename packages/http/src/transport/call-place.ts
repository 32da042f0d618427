import { fileURLToPath } from "node:url";

/** Frames of a stack that is kept: ours and the runtime's stand before the caller's. */
const keptFrames = 50;
const ownUrl = new URL("..", import.meta.url);
/** Where the sources of this package are. A loader may write frames by URL or by path. */
const ownFolders: readonly string[] = [ownUrl.href, fileURLToPath(ownUrl)];

/** Where we are in the program. Nothing is made a string of before somebody asks. */
export function capturePlace(): { readonly stack?: string } {
  const place: { readonly stack?: string } = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = keptFrames;
  Error.captureStackTrace(place, capturePlace);
  Error.stackTraceLimit = stackTraceLimit;
  return place;
}

/** The frames from which this package was called, the nearest first; empty when they are not known. */
export function placeText(place: { readonly stack?: string } | undefined): string {
  const frames = place?.stack?.split("\n").slice(1) ?? [];
  const lastOwn = frames.findLastIndex((frame) => ownFolders.some((folder) => frame.includes(folder)));
  return frames
    .slice(lastOwn + 1)
    .map((frame) => frame.trim())
    .join("\n");
}

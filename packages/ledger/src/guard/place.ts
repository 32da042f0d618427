import { fileURLToPath } from "node:url";

/** Where in the program something was. Nothing is made a string of before somebody asks. */
export interface Place {
  readonly stack?: string;
}

/** Drivers, query builders and HTTP clients stand between a user's line and us, some dozens of frames deep. */
const keptFrames = 60;
/** So many of the user's own lines say where it was. */
const shownFrames = 5;
/** `@outrigger` in `node_modules`, or `packages` in this repository. A loader may write frames by URL or by path. */
const home: URL = new URL("../../../", import.meta.url);
const homes: readonly string[] = [home.href, fileURLToPath(home)];
const ourCode = /^[\w.-]+[\\/](?:src|dist)[\\/]/;

/**
 * Where we are in the program, async callers included.
 *
 * @param below - The function of ours whose caller is the first frame.
 */
export function capturePlace(below: (...args: never[]) => unknown): Place {
  const place: Place = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = keptFrames;
  Error.captureStackTrace(place, below);
  Error.stackTraceLimit = stackTraceLimit;
  return place;
}

/**
 * The user's own frames, the nearest first: without Node's, without those of packages, without ours. Where none is the
 * user's, the nearest of all, because something has to say where it was.
 */
export function framesOf(place: Place | undefined): readonly string[] {
  const frames = (place?.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "))
    .map((line) => line.slice("    at ".length));
  const theirs = frames.filter(isUsers);
  return (theirs.length > 0 ? theirs : frames).slice(0, shownFrames);
}

function isUsers(frame: string): boolean {
  if (/\(node:|^node:|^async node:|[\\/]node_modules[\\/]|<anonymous>\)?$|^native\b/.test(frame))
    return false;
  return !homes.some((each) => {
    const at = frame.indexOf(each);
    return at !== -1 && ourCode.test(frame.slice(at + each.length));
  });
}

import type { Feature, OutcomeKind, PolicySetup, State } from "../script/format.ts";
import type { ScriptTime } from "../script/time.ts";

/** The work of one attempt. What it is given as a signal is what the library hands to it. */
export type Work = (signal: AbortSignal | undefined) => Promise<unknown>;

/** One instance of a library's policies, with what a script can do to it. */
export interface Subject {
  call(work: Work, signal: AbortSignal | undefined): Promise<unknown>;
  state?(): State;
  /** Told apart by what the library documents for it. Undefined: an error of the work. */
  kindOf(error: unknown): OutcomeKind | undefined;
  /** Subscribes to everything that the library reports. */
  listen?(listener: () => void): void;
  reconfigure?(policies: readonly PolicySetup[]): void;
  /** A new instance from this one's exported state, which has been through JSON. */
  restored?(): Subject;
  /** Reads counters and state. */
  read?(): unknown;
}

export interface Library {
  readonly name: string;
  readonly version: string;
  /** Why a case that needs the feature says nothing here. */
  readonly lacks: Partial<Readonly<Record<Feature, string>>>;
  /** What a reader should know of a cell, by trap. */
  readonly remarks: Readonly<Record<string, string>>;
  /** What the work throws for a passing failure, and for a business no. */
  readonly unavailable: () => Error;
  readonly declined: () => Error;
  /** What the library's documentation says where both behaviours are right, by trap. */
  readonly documented: Readonly<Record<string, string>>;
  /**
   * @param notes - Takes the options that were chosen: `name: what it is for`.
   * @throws {@link NoSuchPolicy} where the library has nothing of the kind.
   */
  build(policies: readonly PolicySetup[], time: ScriptTime, notes: Set<string>): Subject | Promise<Subject>;
}

/** The library has no such policy; the message says what is missing. */
export class NoSuchPolicy extends Error {}

/** The errors of the work for libraries that have no words of their own for them. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
export class Declined extends Error {
  override readonly name = "Declined";
}

export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

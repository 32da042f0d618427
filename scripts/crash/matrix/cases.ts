import type { StepName } from "@outrigger/ledger";
import type { DefinitionName } from "./definitions.ts";
import type { ModeName } from "./modes.ts";
import type { WeaknessName } from "./weaknesses.ts";

/**
 * What happens at a failpoint.
 *
 * - `none`: nothing; the run that records which failpoints there are.
 * - `kill`: SIGKILL. The process that takes over may be killed at a failpoint of its own.
 * - `stop`: SIGSTOP. Others take over when the lease ends; then the process wakes and goes on where it stood.
 * - `commit-answered-to-nobody`: what is written next is committed, its answer is lost with the connection.
 * - `commit-never-arrives`: what is written next is lost with the connection.
 * - `database`: the server is stopped at once, as by a crash, and started again.
 */
export const faultNames = [
  "none",
  "kill",
  "stop",
  "commit-answered-to-nobody",
  "commit-never-arrives",
  "database",
] as const;
export type FaultName = (typeof faultNames)[number];

/** A place of the ledger's, or `call.sending`: right before the bytes leave, where no fence of ours can stop them. */
export type PointName = StepName | "call.sending";
/** The so-manieth time that a process comes by a place, counted from 1: `call.after#1`. */
export type Point = `${PointName}#${number}`;

/** One play of the matrix. */
export interface Case {
  readonly definition: DefinitionName;
  readonly mode: ModeName;
  readonly fault: FaultName;
  readonly point?: Point | undefined;
  /** Where the process that takes over is killed. */
  readonly recovery?: Point | undefined;
  readonly weakness?: WeaknessName | undefined;
}

/** `definition/mode/fault/point+recovery`, preceded by the weakness where there is one. Read back by {@link matches}. */
export function idOf({ definition, mode, fault, point, recovery, weakness }: Case): string {
  const place = [point, recovery].filter((each) => each !== undefined).join("+");
  const id = [definition, mode, fault, ...(place === "" ? [] : [place])].join("/");
  return weakness === undefined ? id : `${weakness}:${id}`;
}

export const nameOf = (point: Point): PointName => point.replace(/#\d+$/, "") as PointName;

/** Whether what is done there is made durable by what is written next. */
export const isBeforeCommit = (point: Point): boolean => nameOf(point).endsWith(".beforeCommit");

/**
 * A pattern is an id, or the beginning of one up to a slash; `*` stands for any part of one.
 *
 * @returns whether the case may come under the pattern, as far as it is known.
 */
export function matches(pattern: string, id: string): boolean {
  const wanted = pattern.split("/");
  return id.split("/").every((part, index) => {
    const want = wanted[index];
    if (want === undefined) return true;
    const text = want.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
    return new RegExp(`^${text}$`).test(part);
  });
}

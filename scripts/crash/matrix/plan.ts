import type { CrashDatabase } from "../databases/database.ts";
import type { Part } from "../play/scene.ts";
import {
  type Case,
  type FaultName,
  faultNames,
  idOf,
  isBeforeCommit,
  matches,
  nameOf,
  type Point,
} from "./cases.ts";
import { declaredBy, definitionNames } from "./definitions.ts";
import { concerns, modeNames } from "./modes.ts";
import { weaknessNames, weaknessOf } from "./weaknesses.ts";

/** What a process came by. */
type Met = Part["points"];

/** What a case waits for before its fault strikes, so that those that wait alike are played together. */
export interface Planned {
  readonly of: Case;
  readonly afterMs: number;
  /** The same for the process that takes over, where it is struck too. */
  readonly recoveryAfterMs?: number;
}

/**
 * How much of the matrix is played.
 *
 * - `all`: every pair of places.
 * - `main`: of the deaths after which the next process comes by the same places in the same order, one is paired with each
 *   of these. A process is stopped, and a server, once at each place of each way that a definition goes, whatever the mode,
 *   and not where a place is come by a second time.
 * - `representative`: the fewest cases that show every definition, mode, and fault at every place once.
 */
export const shares = ["all", "main", "representative"] as const;
export type Share = (typeof shares)[number];

/** How often a process is met at the same place: waiting for an inquiry it comes by there again and again. */
const timesAtMost = 2;

/** One case of every definition in every mode that concerns it, in which nothing happens but what the mode does. */
export function rehearsals(wanted: (id: string) => boolean): readonly Case[] {
  const right = definitionNames.flatMap((definition) =>
    modeNames
      .filter((mode) => concerns(mode, declaredBy(definition)))
      .map((mode): Case => ({ definition, mode, fault: "none" })),
  );
  return right.filter((each) => mayBe(wanted, each));
}

/** The same for the variants that are weaker. */
export function weakRehearsals(wanted: (id: string) => boolean = () => true): readonly Case[] {
  const weak = weaknessNames.flatMap((weakness) => {
    const { definition, modes } = weaknessOf(weakness);
    return modes.map((mode): Case => ({ definition, mode, fault: "none", weakness }));
  });
  return weak.filter((each) => mayBe(wanted, each));
}

/** Whether any case is wanted that comes of this rehearsal. */
function mayBe(wanted: (id: string) => boolean, rehearsal: Case): boolean {
  return faultNames.some((fault) => wanted(idOf({ ...rehearsal, fault })));
}

/** Every fault at every place that a rehearsal came by. */
export function singles(
  rehearsed: readonly { readonly of: Case; readonly points: readonly Met[] }[],
  database: CrashDatabase,
  share: Share,
): readonly Planned[] {
  const seen = new Set<string>();
  return rehearsed.flatMap(({ of, points }) => {
    const met = distinct(points[0] ?? []);
    const way = [of.definition, ...met.map(({ point }) => point)].join(" ");
    const goneBefore = share === "main" && of.weakness === undefined && seen.has(way);
    seen.add(way);
    const faults = of.weakness === undefined ? faultNames.slice(1) : weaknessOf(of.weakness).faults;
    return met.flatMap(({ point, afterMs }) =>
      faults
        .filter((fault) => isPossible(fault, point, database))
        .filter((fault) => share === "all" || !slow.has(fault) || (point.endsWith("#1") && !goneBefore))
        .map((fault) => ({ of: { ...of, fault, point }, afterMs })),
    );
  });
}

/** Waiting for a process that sleeps, or a server that starts, takes seconds. */
const slow: ReadonlySet<FaultName> = new Set(["stop", "database"]);

/** The same deaths, and another at every place that the process came by that took over. */
export function pairs(
  played: readonly { readonly planned: Planned; readonly recovered: Met }[],
  share: Share,
): readonly Planned[] {
  const seen = new Set<string>();
  return played.flatMap(({ planned: { of, afterMs }, recovered }) => {
    if (of.fault !== "kill") return [];
    const met = distinct(recovered);
    const way = [of.definition, of.mode, ...met.map(({ point }) => point)].join(" ");
    if (share === "main" && seen.has(way)) return [];
    seen.add(way);
    return met.map((each) => ({
      of: { ...of, recovery: each.point },
      afterMs,
      recoveryAfterMs: each.afterMs,
    }));
  });
}

function isPossible(fault: FaultName, point: Point, database: CrashDatabase): boolean {
  switch (fault) {
    case "commit-answered-to-nobody":
    case "commit-never-arrives":
      return database.lossyWay !== undefined && isBeforeCommit(point);
    case "database":
      return database.crash !== undefined;
    default:
      return true;
  }
}

function distinct(met: Met): Met {
  const seen = new Set<Point>();
  return met.filter(({ point }) => {
    if (seen.has(point) || Number(point.split("#")[1]) > timesAtMost) return false;
    seen.add(point);
    return true;
  });
}

/** Who stands still for longer loses its lease, or the end of its transaction, before the fault strikes. */
const alikeMs = 300;

/** Companies of one fault each, of cases whose faults strike after about the same time. */
export function companies(
  planned: readonly Planned[],
  atMost: (fault: FaultName) => number,
): readonly (readonly Case[])[] {
  return faultNames.flatMap((fault) =>
    alike(
      planned.filter(({ of }) => of.fault === fault),
      ({ afterMs }) => afterMs,
    )
      .flatMap((group) => alike(group, ({ recoveryAfterMs = 0 }) => recoveryAfterMs))
      .flatMap((group) => chunks(group, atMost(fault)))
      .map((company) => company.map(({ of }) => of)),
  );
}

function alike(planned: readonly Planned[], after: (each: Planned) => number): readonly Planned[][] {
  const groups: Planned[][] = [];
  let firstAfterMs = 0;
  for (const each of planned.toSorted((a, b) => after(a) - after(b))) {
    const last = groups.at(-1);
    if (last !== undefined && after(each) - firstAfterMs <= alikeMs) last.push(each);
    else {
      groups.push([each]);
      firstAfterMs = after(each);
    }
  }
  return groups;
}

/** Of about the same size, and none larger than this. */
function chunks<T>(items: readonly T[], atMost: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / atMost);
  const startOf = (index: number): number => Math.floor((index * items.length) / count);
  return Array.from({ length: count }, (_, index) => items.slice(startOf(index), startOf(index + 1)));
}

/** What a share of the matrix has to show at least once. */
function featuresOf({ definition, mode, fault, point, recovery }: Case): readonly string[] {
  return [
    `definition ${definition}`,
    `mode ${mode}`,
    ...(point === undefined ? [] : [`${fault} at ${nameOf(point)}`, `${fault} of ${definition}`]),
    ...(recovery === undefined ? [] : [`again at ${nameOf(recovery)}`, `twice in ${mode}`]),
  ];
}

/** The fewest cases, as far as taking the most telling one each time finds them, that show everything once. */
export function representative(planned: readonly Planned[], shown: Set<string>): readonly Planned[] {
  const chosen: Planned[] = [];
  let left = planned.map((each) => ({ each, features: featuresOf(each.of) }));
  for (;;) {
    const counted = left
      .map((one) => ({ ...one, news: one.features.filter((feature) => !shown.has(feature)).length }))
      .filter(({ news }) => news > 0);
    const best = counted.reduce<(typeof counted)[number] | undefined>(
      (most, one) => (most === undefined || one.news > most.news ? one : most),
      undefined,
    );
    if (best === undefined) return chosen;
    chosen.push(best.each);
    for (const feature of best.features) shown.add(feature);
    left = counted;
  }
}

/** @returns whether the case, or one that comes of it, is asked for. */
export function wantedBy(only: string | undefined): (id: string) => boolean {
  return only === undefined ? () => true : (id) => matches(only, id);
}

import type { Rules } from "./rules.ts";
import { active, ended, isQuiet, type World } from "./world.ts";

/** What is wrong with a world, or undefined. */
export function violation(world: World, rules: Rules): string | undefined {
  const charges = world.sides.reduce((sum, side) => sum + active(side), 0);
  if (charges > 1) return `${charges} active charges`;
  if (!isQuiet(world)) return undefined;
  const state = world.row?.state;
  if (state === undefined) return charges === 0 ? undefined : "charged, and nothing is known of it";
  if (!ended.includes(state) || state === "MANUAL") return undefined;
  // It will be found.
  if (rules.reconciles && charges > 0 && state !== "DONE") return undefined;
  const wanted = state === "DONE" ? [1, "paid"] : [0, "void"];
  if (charges !== wanted[0] || world.order !== wanted[1]) {
    return `${state} with ${charges} charges, order ${world.order}`;
  }
  const forgotten =
    rules.moneyOnly !== true && state === "DONE" && world.row?.cancelWanted === true && rules.canCancel;
  return forgotten ? "DONE, although it was to be undone" : undefined;
}

/** Whether nothing has to happen any more. */
export function isEnded(world: World, rules: Rules): boolean {
  if (world.flights.length > 0 || violation({ ...world, workers: [] }, { ...rules, reconciles: false })) {
    return false;
  }
  return world.row === null ? world.started : ended.includes(world.row.state);
}

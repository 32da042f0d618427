import { type Exploration, explore } from "./explore.ts";
import { isEnded, violation } from "./judge.ts";
import { arrivals, tellings, userCancels } from "./outside.ts";
import type { Rules } from "./rules.ts";
import { workerSteps } from "./workers.ts";
import { firstWorld, idle, type Row, type Step, type World } from "./world.ts";

/** Every world of one operation under these rules. */
export const exploreOperation = (rules: Rules): Exploration =>
  explore<World>({
    first: firstWorld(rules),
    steps: (world) => steps(world, rules),
    violation: (world) => violation(world, rules),
    end: (world) => (isEnded(world, rules) ? (world.row?.state ?? "nothing") : undefined),
    isCutOff: (world) => world.claims >= rules.claims,
  });

function* steps(world: World, rules: Rules): Generator<Step> {
  if (!world.started) yield* start(world, rules);
  for (const [index, worker] of world.workers.entries()) yield* workerSteps(world, rules, index, worker);
  for (const index of world.flights.keys()) yield* arrivals(world, rules, index);
  if (world.leased) yield { what: "the lease ends", to: { ...world, leased: false } };
  yield* userCancels(world, rules);
  for (const provider of world.sides.keys()) yield* tellings(world, rules, provider);
}

function* start(world: World, rules: Rules): Generator<Step> {
  const row: Row = {
    state: "SENDING",
    intent: "EXECUTE",
    fence: 1,
    inDoubt: false,
    resendRefused: false,
    cancelWanted: false,
    abandoned: false,
    personOnly: false,
    provider: 0,
  };
  const workers = [{ at: "sending", seen: row } as const, idle];
  const durable = rules.nothingDurable ? {} : { row, order: "pending" as const, leased: true };
  yield { what: "start", to: { ...world, started: true, workers, ...durable } };
  if (rules.nothingDurable) return;
  const queued = { ...row, state: "READY" as const, fence: 0 };
  yield { what: "enqueue", to: { ...world, started: true, row: queued, order: "pending" } };
}

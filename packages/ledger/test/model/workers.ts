import type { EvidenceKind } from "../../src/state/transitions.ts";
import { factChoices, factsOf, mayBeOver, orderAfter, rowAfter } from "./moves.ts";
import { lateEvidence } from "./outside.ts";
import type { Rules } from "./rules.ts";
import { active, ended, idle, type Row, type Step, sideOf, type Worker, type World } from "./world.ts";

export function* workerSteps(world: World, rules: Rules, index: number, worker: Worker): Generator<Step> {
  const become = (next: Worker, change: Partial<World> = {}): World => ({
    ...world,
    ...change,
    workers: world.workers.map((each, other) => (other === index ? next : each)),
  });
  const learn = (seen: Row, evidence: EvidenceKind, change: Partial<World> = {}, refused = false): World =>
    become({ at: "learnt", seen, evidence, refused, over: mayBeOver(world, rules) }, change);
  const name = `worker ${index}`;
  if (worker.at !== "idle") yield { what: `${name} crashes`, to: become(idle) };

  switch (worker.at) {
    case "idle":
      if (world.row === null || world.leased || ended.includes(world.row.state)) return;
      if (world.claims >= rules.claims) return;
      {
        const row = { ...world.row, fence: world.row.fence + 1 };
        const change = { row, leased: true, claims: world.claims + 1 };
        if (decidesAtOnce(row, rules)) {
          yield { what: `${name} claims`, to: learn(row, "claimed", change) };
        } else yield { what: `${name} claims`, to: become(next(row, rules.asksWhileCancelling), change) };
      }
      return;
    case "sending":
      // Also after the lease has gone to another: a check before the send makes that rare, not impossible.
      yield { what: `${name} cannot connect`, to: learn(worker.seen, "noEffect") };
      if (world.sends < rules.sends) {
        yield {
          what: `${name} sends to ${worker.seen.provider}`,
          to: become(
            { ...worker, at: "waiting" },
            { sends: world.sends + 1, flights: [...world.flights, [worker.seen.provider, index]] },
          ),
        };
      }
      return;
    case "waiting":
      yield { what: `${name} times out`, to: learn(worker.seen, "unclear") };
      return;
    case "asking": {
      yield { what: `${name} gets no answer to its inquiry`, to: learn(worker.seen, "inquiryFailed") };
      const side = sideOf(world, worker.seen);
      const found = !rules.canInquire
        ? "notFound"
        : active(side) > 0
          ? "succeeded"
          : side.cancelled > 0
            ? "refused"
            : "notFound";
      yield { what: `${name} asks: ${found}`, to: learn(worker.seen, found, {}, found === "refused") };
      return;
    }
    case "cancelling": {
      const side = sideOf(world, worker.seen);
      const cancelled = { ...side, cancelled: side.charges, blocked: side.blocked || rules.blocks };
      const sides = world.sides.map((each) => (each === side ? cancelled : each));
      yield { what: `${name} cancels`, to: learn(worker.seen, "cancelled", { sides }) };
      yield { what: `${name} cancels, answer lost`, to: learn(worker.seen, "cancelFailed", { sides }) };
      yield { what: `${name} cannot cancel`, to: learn(worker.seen, "cancelFailed") };
      return;
    }
    case "learnt":
      yield* writes(world, rules, worker, name, become);
  }
}

/** As `resolve` does: what was not asked for yet is decided when it is claimed. */
function decidesAtOnce(row: Row, rules: Rules): boolean {
  if (row.state === "SENDING" || row.state === "READY") return true;
  return row.state === "UNKNOWN" && rules.declaresBlocking && (rules.first === "cancel" || row.cancelWanted);
}

function* writes(
  world: World,
  rules: Rules,
  learnt: Extract<Worker, { at: "learnt" }>,
  name: string,
  become: (next: Worker, change?: Partial<World>) => World,
): Generator<Step> {
  const { seen, evidence, refused } = learnt;
  const { row: now } = world;
  const mine = now !== null && now.fence === seen.fence && now.state === seen.state;
  const inserts = rules.nothingDurable === true && now === null;
  if (!mine && !inserts && rules.unfenced !== true) {
    if (evidence === "succeeded" && now !== null) {
      yield* lateEvidence(world, rules, seen.provider, `${name}'s late answer`, become(idle));
    } else yield { what: `${name} finds the row taken`, to: become(idle) };
    return;
  }
  if (mine && now.cancelWanted !== seen.cancelWanted && rules.overlooksCancel !== true) {
    yield { what: `${name} hears of the cancel`, to: become({ ...learnt, seen: now }) };
    return;
  }
  const over = rules.proofOfLater === true ? mayBeOver(world, rules) : learnt.over;
  for (const facts of factChoices(seen, rules, world, evidence, refused, over)) {
    const move = rules.decide(facts, evidence, factsOf(rules));
    const after = rowAfter(seen, now?.fence ?? seen.fence, move, evidence, facts.refused);
    // Whether it is to be undone is another column, which a move leaves as it is.
    const row = { ...after, cancelWanted: now?.cancelWanted ?? seen.cancelWanted };
    const order = orderAfter(world, seen, move, rules);
    const what = `${name} writes ${evidence}: ${move.to}`;
    if (ended.includes(move.to)) yield { what, to: become(idle, { row, order, leased: false }) };
    else {
      // Goes on, or hands over; a crash in between is a step of its own.
      if (move.from !== move.to || move.nextProvider) {
        yield { what, to: become(next(row), { row, order, leased: true }) };
      }
      if (move.to !== "SENDING") {
        yield { what: `${what}, handed over`, to: become(idle, { row, order, leased: false }) };
      }
    }
    if (move.business === "commit") {
      yield {
        what: `${name}: commit rejected`,
        to: become({ at: "learnt", seen, evidence: "commitRejected", refused: false, over: false }),
      };
    }
  }
}

function next(row: Row, asksAlways = false): Worker {
  if (row.state === "SENDING") return { at: "sending", seen: row };
  if (row.state === "CANCELLING" && !asksAlways) return { at: "cancelling", seen: row };
  return { at: "asking", seen: row };
}

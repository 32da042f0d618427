import { type EvidenceKind, intentAfter, operationTable } from "../../src/state/transitions.ts";
import { factChoices, factsOf, orderAfter, rowAfter } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { active, ended, isQuiet, type Row, type Step, type Worker, type World } from "./world.ts";

export function* arrivals(world: World, rules: Rules, index: number): Generator<Step> {
  const flight = world.flights[index];
  if (flight === undefined) return;
  const [provider, sender] = flight;
  const flights = world.flights.filter((_, other) => other !== index);
  const side = world.sides[provider];
  if (side === undefined) return;
  const answer = (what: string, evidence: EvidenceKind, change: Partial<World> = {}): Step[] => {
    const lost = { ...world, ...change, flights };
    const worker = world.workers[sender];
    if (worker?.at !== "waiting" || worker.seen.provider !== provider) return [{ what, to: lost }];
    const learnt: Worker = { at: "learnt", seen: worker.seen, evidence, refused: false, over: false };
    const workers = world.workers.map((each, other) => (other === sender ? learnt : each));
    return [
      { what: `${what}, answered`, to: { ...lost, workers } },
      { what: `${what}, answer lost`, to: lost },
    ];
  };
  if (side.blocked) {
    yield* answer("a blocked original is refused", "noEffect");
  } else if (rules.dedupes && side.charges > 0) {
    yield* answer("a repeated original is recognised", active(side) > 0 ? "succeeded" : "unclear");
  } else {
    const sides = world.sides.map((each) => (each === side ? { ...side, charges: side.charges + 1 } : each));
    yield* answer("an original is charged", "succeeded", { sides });
    // A refusal is final for its key: a provider that forgets refusals is one that does not dedupe.
    yield* answer("an original is declined", "noEffect");
  }
}

/** As `cancelOnRequest` does. */
export function* userCancels(world: World, rules: Rules): Generator<Step> {
  const { row } = world;
  if (row === null || row.cancelWanted || row.state === "CANCELLING") return;
  if (operationTable[row.state].cancelRequested === undefined) return;
  const [facts] = factChoices(row, rules, world, "cancelRequested", false, false);
  if (facts === undefined) return;
  const { to } = rules.decide(facts, "cancelRequested", factsOf(rules));
  const sending = row.state === "SENDING";
  const after: Row = {
    ...row,
    state: to,
    intent: intentAfter(row.intent, to),
    fence: sending ? row.fence : row.fence + 1,
    inDoubt: row.inDoubt || to === "UNKNOWN",
    cancelWanted: true,
    personOnly: false,
  };
  yield {
    what: `the user cancels in ${row.state}`,
    to: {
      ...world,
      row: after,
      leased: sending && world.leased,
      claims: sending ? world.claims : Math.max(0, world.claims - 1),
    },
  };
}

/** Somebody outside says that there was, or is, an effect. */
export function* tellings(world: World, rules: Rules, provider: number): Generator<Step> {
  const side = world.sides[provider];
  if (side === undefined || world.row === null) return;
  const told = {
    ...world,
    sides: world.sides.map((each) => (each === side ? { ...side, told: true } : each)),
  };
  if (rules.webhooks && side.charges > 0 && !side.told) {
    yield* lateEvidence(world, rules, provider, "a webhook", told);
  }
  if (rules.reconciles && active(side) > 0 && isQuiet(world) && ended.includes(world.row.state)) {
    yield* lateEvidence(world, rules, provider, "the reconciliation", world);
  }
}

/** As `observe` does, in one step, because its write is fenced. */
export function* lateEvidence(
  world: World,
  rules: Rules,
  provider: number,
  who: string,
  otherwise: World,
): Generator<Step> {
  const { row } = world;
  if (row === null) return;
  const kind = observedAs(row, provider);
  if (kind === undefined || (rules.dropsLate === true && ended.includes(row.state))) {
    if (otherwise !== world) yield { what: `${who} is noted`, to: otherwise };
    return;
  }
  for (const facts of factChoices(row, rules, world, kind, false, false)) {
    const move = rules.decide(facts, kind, factsOf(rules));
    const claims = Math.max(0, world.claims - 1);
    yield {
      what: `${who} as ${kind}: ${move.to}`,
      to: {
        ...otherwise,
        row: rowAfter(row, row.fence, move, kind, false),
        order: orderAfter(world, row, move, rules),
        leased: false,
        claims,
      },
    };
  }
}

function observedAs(row: Row, provider: number): EvidenceKind | undefined {
  if (provider !== row.provider) return "strayEffect";
  if (row.state === "FAILED" || row.state === "CANCELLED") return "lateArrival";
  if (row.state === "DONE" || row.state === "CANCELLING") return undefined;
  if (row.state === "MANUAL" && (row.personOnly || row.intent === "CANCEL")) return undefined;
  return operationTable[row.state].succeeded === undefined ? undefined : "succeeded";
}

import {
  type decide,
  type EvidenceKind,
  type FoundPolicy,
  intentAfter,
  type NotFoundPolicy,
  type OperationFacts,
  type OperationState,
  operationTable,
  type ProviderFacts,
  settledStates,
  type Transition,
  type UnknownFirst,
} from "../../src/state/transitions.ts";

/** What is explored: what the provider declares, what it is really like, and what is broken on purpose. */
export interface Rules {
  readonly providers: 1 | 2;
  readonly onNotFound: NotFoundPolicy;
  readonly onFound: FoundPolicy;
  readonly first: UnknownFirst;
  readonly canInquire: boolean;
  readonly canCancel: boolean;
  readonly declaresBlocking: boolean;
  /** Whether a cancel really stops a late original. */
  readonly blocks: boolean;
  /** Whether the provider really acts once per key. */
  readonly dedupes: boolean;
  /**
   * What a declared longest time in flight is worth: nothing is declared; it is true of the network and of processes
   * that were paused; or of the network only.
   */
  readonly maxInFlight: "undeclared" | "true" | "ofNetwork";
  /** Whether an operation may become overdue, and so end with a person. */
  readonly overdue: boolean;
  /** Whether webhooks tell of effects, at any time, once per provider: also when they have been undone since. */
  readonly webhooks: boolean;
  /** Whether a reconciliation finds in the end what nobody else has. */
  readonly reconciles: boolean;
  readonly sends: number;
  readonly claims: number;
  readonly decide: typeof decide;
  /** Local writes carry no fence. */
  readonly unfenced?: boolean;
  /** A worker's write does not look whether a cancel was asked for meanwhile. */
  readonly overlooksCancel?: boolean;
  /** The call goes out before anything is durable. */
  readonly nothingDurable?: boolean;
  /** A worker that takes over in CANCELLING asks again, instead of going on. */
  readonly asksWhileCancelling?: boolean;
  /** "Not found" is taken as a proof of the time at which it is written, not of that at which it was asked. */
  readonly proofOfLater?: boolean;
  /** Evidence that comes after the end is dropped. */
  readonly dropsLate?: boolean;
}

interface Row {
  readonly state: OperationState;
  readonly intent: "EXECUTE" | "CANCEL";
  readonly fence: number;
  readonly inDoubt: boolean;
  readonly resendRefused: boolean;
  readonly cancelWanted: boolean;
  readonly abandoned: boolean;
  readonly personOnly: boolean;
  readonly provider: number;
}

type Worker =
  | { readonly at: "idle" }
  | { readonly at: "sending" | "waiting" | "asking" | "cancelling"; readonly seen: Row }
  | {
      readonly at: "learnt";
      readonly seen: Row;
      readonly evidence: EvidenceKind;
      readonly refused: boolean;
      readonly over: boolean;
    };

interface Side {
  readonly charges: number;
  readonly cancelled: number;
  readonly blocked: boolean;
  readonly told: boolean;
}

/** Everything at one moment. Plain data, so that its JSON names it. */
export interface World {
  readonly row: Row | null;
  readonly order: "none" | "pending" | "paid" | "void";
  readonly leased: boolean;
  readonly workers: readonly Worker[];
  /** Originals under way: the provider, and the worker that sent it. */
  readonly flights: readonly (readonly [provider: number, worker: number])[];
  readonly sides: readonly Side[];
  readonly started: boolean;
  readonly sends: number;
  readonly claims: number;
}

export interface Step {
  readonly what: string;
  readonly to: World;
}

const idle: Worker = { at: "idle" };

export function firstWorld(rules: Rules): World {
  return {
    row: null,
    order: "none",
    leased: false,
    workers: [idle, idle],
    flights: [],
    sides: Array.from({ length: rules.providers }, () => ({
      charges: 0,
      cancelled: 0,
      blocked: false,
      told: false,
    })),
    started: false,
    sends: 0,
    claims: 0,
  };
}

const active = (side: Side): number => side.charges - side.cancelled;
const ended: readonly OperationState[] = [...settledStates, "MANUAL"];

const isQuiet = (world: World): boolean =>
  world.flights.length === 0 && world.workers.every(({ at }) => at === "idle");

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
  return charges === wanted[0] && world.order === wanted[1]
    ? undefined
    : `${state} with ${charges} charges, order ${world.order}`;
}

/** Whether nothing has to happen any more. */
export function isEnded(world: World, rules: Rules): boolean {
  if (world.flights.length > 0 || violation({ ...world, workers: [] }, { ...rules, reconciles: false })) {
    return false;
  }
  return world.row === null ? world.started : ended.includes(world.row.state);
}

export function* steps(world: World, rules: Rules): Generator<Step> {
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

function factsOf(rules: Rules): ProviderFacts {
  const { canInquire, canCancel, declaresBlocking } = rules;
  return { canInquire, canCancel, cancelBlocksLateOriginal: declaresBlocking };
}

function* workerSteps(world: World, rules: Rules, index: number, worker: Worker): Generator<Step> {
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

/** Whether the declared longest time in flight may have passed. Time has one order: in flight is nothing then. */
function mayBeOver(world: World, rules: Rules): boolean {
  return (
    rules.maxInFlight !== "undeclared" &&
    world.flights.length === 0 &&
    (rules.maxInFlight === "ofNetwork" || world.workers.every(({ at }) => at !== "sending"))
  );
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
    const row = rowAfter(seen, now?.fence ?? seen.fence, move, evidence, facts.refused);
    const order = orderAfter(world, seen, move);
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

/** As `moveFor` does. */
function rowAfter(seen: Row, fence: number, move: Transition, evidence: EvidenceKind, refused: boolean): Row {
  return {
    state: move.to,
    intent: intentAfter(seen.intent, move.to),
    fence,
    inDoubt: seen.inDoubt || move.to === "UNKNOWN",
    resendRefused: seen.resendRefused || (seen.inDoubt && refused),
    cancelWanted: seen.cancelWanted,
    abandoned:
      move.business === undefined
        ? seen.abandoned || move.from === "FAILED" || move.from === "CANCELLED"
        : move.business === "abandon",
    personOnly:
      move.to === "MANUAL" && (seen.personOnly || evidence === "strayEffect" || evidence === "contradicted"),
    provider: seen.provider + (move.nextProvider ? 1 : 0),
  };
}

function next(row: Row, asksAlways = false): Worker {
  if (row.state === "SENDING") return { at: "sending", seen: row };
  if (row.state === "CANCELLING" && !asksAlways) return { at: "cancelling", seen: row };
  return { at: "asking", seen: row };
}

function* factChoices(
  seen: Row,
  rules: Rules,
  world: World,
  evidence: EvidenceKind,
  refused: boolean,
  over: boolean,
): Generator<OperationFacts> {
  const times = [
    { quietEnded: false, inFlightEnded: false },
    { quietEnded: true, inFlightEnded: false },
    ...(over ? [{ quietEnded: true, inFlightEnded: true }] : []),
  ];
  for (const time of evidence === "notFound" ? times : times.slice(0, 1)) {
    for (const isRefused of evidence === "noEffect" ? [true, false] : [refused]) {
      for (const overdue of rules.overdue ? [true, false] : [false]) {
        yield {
          ...time,
          state: seen.state,
          intent: seen.intent,
          inDoubt: seen.inDoubt,
          refused: isRefused,
          resendRefused: seen.resendRefused,
          cancelWanted: seen.cancelWanted,
          abandoned: seen.abandoned,
          personOnly: seen.personOnly,
          anotherProvider: seen.provider + 1 < rules.providers,
          // The bound on sends stands for the end of the key's window.
          keyOpen: world.sends < rules.sends,
          overdue,
          onNotFound: rules.onNotFound,
          onFound: rules.onFound,
          first: rules.first,
        };
      }
    }
  }
}

function orderAfter(world: World, seen: Row, { business }: Transition): World["order"] {
  if (business === undefined || (business === "abandon" && seen.abandoned)) return world.order;
  return business === "commit" ? "paid" : "void";
}

function* arrivals(world: World, rules: Rules, index: number): Generator<Step> {
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
function* userCancels(world: World, rules: Rules): Generator<Step> {
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
function* tellings(world: World, rules: Rules, provider: number): Generator<Step> {
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
function* lateEvidence(
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
        order: orderAfter(world, row, move),
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

function sideOf(world: World, row: Row): Side {
  const side = world.sides[row.provider];
  if (side === undefined) throw new Error("no such provider");
  return side;
}

import {
  type decide,
  type EvidenceKind,
  intentAfter,
  type NotFoundPolicy,
  type OperationFacts,
  type OperationState,
  settledStates,
  type Transition,
} from "../../src/state/transitions.ts";

/** What is explored: what the provider declares, what it is really like, and what is broken on purpose. */
export interface Rules {
  readonly providers: 1 | 2;
  readonly onNotFound: NotFoundPolicy;
  readonly canInquire: boolean;
  readonly canCancel: boolean;
  readonly declaresBlocking: boolean;
  /** Whether a cancel really stops a late original. */
  readonly blocks: boolean;
  /** Whether the provider really acts once per key. */
  readonly dedupes: boolean;
  /** Whether an operation may become overdue, and so end with a person. */
  readonly overdue: boolean;
  readonly sends: number;
  readonly claims: number;
  readonly decide: typeof decide;
  /** Local writes carry no fence. */
  readonly unfenced?: boolean;
  /** The call goes out before anything is durable. */
  readonly nothingDurable?: boolean;
  /** A worker that takes over in CANCELLING asks again, instead of going on. */
  readonly asksWhileCancelling?: boolean;
}

interface Row {
  readonly state: OperationState;
  readonly intent: "EXECUTE" | "CANCEL";
  readonly fence: number;
  readonly inDoubt: boolean;
  readonly provider: number;
}

type Worker =
  | { readonly at: "idle" }
  | { readonly at: "sending" | "waiting" | "asking" | "cancelling"; readonly seen: Row }
  | { readonly at: "learnt"; readonly seen: Row; readonly evidence: EvidenceKind };

interface Side {
  readonly charges: number;
  readonly cancelled: number;
  readonly blocked: boolean;
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
  readonly cancelRequests: number;
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
    sides: Array.from({ length: rules.providers }, () => ({ charges: 0, cancelled: 0, blocked: false })),
    started: false,
    sends: 0,
    claims: 0,
    cancelRequests: 0,
  };
}

const active = (side: Side): number => side.charges - side.cancelled;
const ended: readonly OperationState[] = [...settledStates, "MANUAL"];

/** What is wrong with a world, or undefined. */
export function violation(world: World): string | undefined {
  const charges = world.sides.reduce((sum, side) => sum + active(side), 0);
  if (charges > 1) return `${charges} active charges`;
  const quiet = world.flights.length === 0 && world.workers.every(({ at }) => at === "idle");
  if (!quiet) return undefined;
  const state = world.row?.state;
  if (state === undefined) return charges === 0 ? undefined : "charged, and nothing is known of it";
  if (!ended.includes(state) || state === "MANUAL") return undefined;
  const wanted = state === "DONE" ? [1, "paid"] : [0, "void"];
  return charges === wanted[0] && world.order === wanted[1]
    ? undefined
    : `${state} with ${charges} charges, order ${world.order}`;
}

/** Whether nothing has to happen any more. */
export function isEnded(world: World): boolean {
  return world.flights.length === 0 && (world.row === null ? world.started : ended.includes(world.row.state));
}

export function* steps(world: World, rules: Rules): Generator<Step> {
  if (!world.started) yield* start(world, rules);
  for (const [index, worker] of world.workers.entries()) yield* workerSteps(world, rules, index, worker);
  for (const index of world.flights.keys()) yield* arrivals(world, rules, index);
  if (world.leased) yield { what: "the lease ends", to: { ...world, leased: false } };
  yield* userCancels(world, rules);
}

function* start(world: World, rules: Rules): Generator<Step> {
  const row: Row = { state: "SENDING", intent: "EXECUTE", fence: 1, inDoubt: false, provider: 0 };
  const workers = [{ at: "sending", seen: row } as const, idle];
  const durable = rules.nothingDurable ? {} : { row, order: "pending" as const, leased: true };
  yield { what: "start", to: { ...world, started: true, workers, ...durable } };
}

function* workerSteps(world: World, rules: Rules, index: number, worker: Worker): Generator<Step> {
  const become = (next: Worker, change: Partial<World> = {}): World => ({
    ...world,
    ...change,
    workers: world.workers.map((each, other) => (other === index ? next : each)),
  });
  const learn = (seen: Row, evidence: EvidenceKind, change: Partial<World> = {}): World =>
    become({ at: "learnt", seen, evidence }, change);
  const name = `worker ${index}`;
  if (worker.at !== "idle") yield { what: `${name} crashes`, to: become(idle) };

  switch (worker.at) {
    case "idle":
      if (world.row === null || world.leased || ended.includes(world.row.state)) return;
      if (world.claims >= rules.claims) return;
      {
        const row = { ...world.row, fence: world.row.fence + 1 };
        const change = { row, leased: true, claims: world.claims + 1 };
        if (row.state === "SENDING") yield { what: `${name} claims`, to: learn(row, "claimed", change) };
        else yield { what: `${name} claims`, to: become(next(row, rules.asksWhileCancelling), change) };
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
      yield { what: `${name} asks: ${found}`, to: learn(worker.seen, found) };
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

function* writes(
  world: World,
  rules: Rules,
  { seen, evidence }: Extract<Worker, { at: "learnt" }>,
  name: string,
  become: (next: Worker, change?: Partial<World>) => World,
): Generator<Step> {
  const mine = world.row !== null && world.row.fence === seen.fence && world.row.state === seen.state;
  const inserts = rules.nothingDurable === true && world.row === null;
  if (!mine && !inserts && rules.unfenced !== true) {
    yield { what: `${name} finds the row taken`, to: become(idle) };
    return;
  }
  for (const facts of factChoices(seen, rules, world, evidence)) {
    const move = rules.decide(facts, evidence, {
      canCancel: rules.canCancel,
      cancelBlocksLateOriginal: rules.declaresBlocking,
    });
    const row: Row = {
      state: move.to,
      intent: intentAfter(seen.intent, move.to),
      fence: world.row?.fence ?? seen.fence,
      inDoubt: seen.inDoubt || move.to === "UNKNOWN",
      provider: seen.provider + (move.nextProvider ? 1 : 0),
    };
    const order = orderAfter(world, move);
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
        to: become({ at: "learnt", seen, evidence: "commitRejected" }),
      };
    }
  }
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
  evidence?: EvidenceKind,
): Generator<OperationFacts> {
  for (const [quietEnded, refused] of evidence === "noEffect"
    ? ([
        [true, true],
        [true, false],
        [false, true],
        [false, false],
      ] as const)
    : ([
        [true, false],
        [false, false],
      ] as const)) {
    for (const overdue of rules.overdue ? [true, false] : [false]) {
      yield {
        state: seen.state,
        intent: seen.intent,
        inDoubt: seen.inDoubt,
        refused,
        anotherProvider: seen.provider + 1 < rules.providers,
        quietEnded,
        // The bound on sends stands for the end of the key's window.
        keyOpen: world.sends < rules.sends,
        overdue,
        onNotFound: rules.onNotFound,
      };
    }
  }
}

function orderAfter(world: World, { business }: Transition): World["order"] {
  return business === undefined ? world.order : business === "commit" ? "paid" : "void";
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
    const learnt: Worker = { at: "learnt", seen: worker.seen, evidence };
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

function* userCancels(world: World, rules: Rules): Generator<Step> {
  const { row } = world;
  if (row === null || world.cancelRequests > 0 || (row.state !== "DONE" && row.state !== "UNKNOWN")) return;
  for (const facts of factChoices(row, rules, world)) {
    const move = rules.decide(facts, "cancelRequested", {
      canCancel: rules.canCancel,
      cancelBlocksLateOriginal: rules.declaresBlocking,
    });
    if (move.to === row.state) continue;
    const after: Row = {
      ...row,
      state: move.to,
      intent: intentAfter(row.intent, move.to),
      fence: row.fence + 1,
    };
    yield {
      what: `the user cancels in ${row.state}`,
      to: { ...world, row: after, leased: false, cancelRequests: 1, claims: Math.max(0, world.claims - 1) },
    };
  }
}

function sideOf(world: World, row: Row): Side {
  const side = world.sides[row.provider];
  if (side === undefined) throw new Error("no such provider");
  return side;
}

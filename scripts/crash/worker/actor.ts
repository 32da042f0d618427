import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "@outrigger/lab";
import { createLedger, type Ledger, type Operation, type Outcome, type StepName } from "@outrigger/ledger";
import { internalsOf } from "../../../packages/ledger/src/run/internals.ts";
import type { PlannedMove } from "../../../packages/ledger/src/store/operation-row.ts";
import type { Client } from "../databases/database.ts";
import { isBeforeCommit, type Point, type PointName } from "../matrix/cases.ts";
import { declaredBy } from "../matrix/definitions.ts";
import { behaviourIn } from "../matrix/modes.ts";
import { type Gate, Passage } from "./gate.ts";
import type { FromWorker, Looked, Play, Standing } from "./messages.ts";
import { charge, type Order, type Payment, providerThrough, type Way } from "./payments.ts";
import { manyWritesSaid, writesSaid } from "./said.ts";

type Say = (message: FromWorker) => void;

const over: readonly Standing[] = ["DONE", "FAILED", "CANCELLED", "MANUAL", "absent"];
/** Ends are heard of by events; how often it is looked all the same, since another process may have brought it about. */
const lookEveryMs = 1_000;

/** One case in this process: a ledger of its own, so that a step tells whose it is. */
export interface Actor {
  begin(): void;
  recover(): void;
  goOn(): void;
  tell(order: string, by: string): Promise<boolean>;
  look(): Promise<readonly Looked[]>;
  /** Whether it is in a transaction, and not to stand still there. */
  holdsByChance(): boolean;
  leave(): Promise<void>;
}

export function actor<Tx>(client: Client<Tx>, gate: Gate, play: Play, say: Say): Actor {
  const { id, of, orders } = play;
  const passage = new Passage(gate, client.sql);
  const declared = declaredBy(of.definition);
  const { commitRejected = false } = behaviourIn(of.mode);
  const met = new Map<PointName, number>();
  const startedAtMs = performance.now();
  let goOn = (): void => {};
  const released = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let left = false;
  let standsInTransaction = false;

  const step = async (name: PointName): Promise<void> => {
    const times = (met.get(name) ?? 0) + 1;
    met.set(name, times);
    const point: Point = `${name}#${times}`;
    say({ is: "step", id, point, afterMs: performance.now() - startedAtMs });
    if (point !== play.point) return;
    say({ is: "standing", id, point });
    standsInTransaction = isBeforeCommit(point);
    await released;
    standsInTransaction = false;
  };

  const way: Way = {
    url: play.provider,
    declared,
    weakness: of.weakness,
    sending: () => step("call.sending"),
  };
  const ended = new Set<string>();
  const ledger: Ledger<Tx> = createLedger<Tx>({
    sql: passage.sql,
    lease: `${play.leaseMs}ms`,
    pollEvery: "300ms",
    drain: "0ms",
    wakeUp: false,
    random: seededRandom(id.length * 7_919 + Number.parseInt(id.replaceAll(/\D/g, "") || "0", 10)),
    onStep: (name: StepName) => step(name),
    onEvent(event) {
      if (event.type !== "operationMoved") return;
      if (over.includes(event.to)) noteEnd(event.key);
      else noteMore(event.key);
    },
  });
  const noteEnd = (order: string): void => {
    ended.add(order);
    if (!left && orders.every((each) => ended.has(each))) say({ is: "ended", id });
  };
  const noteMore = (order: string): void => {
    if (ended.delete(order) && !left) say({ is: "goesOn", id });
  };

  const one = {
    async prepare(tx: Tx, order: Order): Promise<void> {
      if (of.weakness === "nothing-durable-before") {
        await charge(way, declared.providers[0] ?? "", order, { key: order.id, attempt: 1 });
      }
      await client.orders.begin(tx, order.id);
    },
    async commit(tx: Tx, order: Order): Promise<void> {
      if (commitRejected) throw new Error("sold out");
      await client.orders.end(tx, order.id, "paid");
    },
    async abandon(tx: Tx, order: Order): Promise<void> {
      await client.orders.end(tx, order.id, "void");
    },
  };
  const operation: Operation<Order, Payment, Tx> = ledger.operation<Order, Payment>(id, {
    ...(declared.bySaying === true ? writesSaid(() => commitRejected) : one),
    providers: Object.fromEntries(declared.providers.map((name) => [name, providerThrough(way, name)])),
    unknown: declared.unknown,
    ...(declared.accept !== undefined && { accept: declared.accept }),
    ...(declared.operations > 1 && {
      many:
        declared.bySaying === true
          ? manyWritesSaid(() => commitRejected)
          : {
              async prepare(tx: Tx, inputs: readonly Order[]) {
                for (const order of inputs) await one.prepare(tx, order);
              },
              async commit(tx: Tx, items: readonly { readonly input: Order }[]) {
                for (const { input } of items) await one.commit(tx, input);
              },
            },
    }),
  });
  if (of.weakness === "no-fence") forgetFences(ledger);

  const look = async (): Promise<readonly Looked[]> =>
    await Promise.all(
      orders.map(async (order) => {
        const record = await ledger.find({ operation: id, key: order });
        return { order, record, standing: record?.state ?? "absent" };
      }),
    );
  /** @param from - Only what is found after the callers have got their answers is the end, where there are callers. */
  const watch = async (from: Promise<unknown>): Promise<void> => {
    await from;
    while (!left) {
      try {
        for (const { order, standing } of await look()) {
          if (over.includes(standing)) noteEnd(order);
          else noteMore(order);
        }
      } catch {
        // The database may be what is away.
      }
      await sleep(lookEveryMs);
    }
  };

  return {
    begin() {
      ledger.start();
      const runs = orders.map((order) => operation.run({ id: order }, { key: order }));
      const answered = Promise.allSettled(runs);
      void answered.then((answers) => say({ is: "answered", id, answers: answers.map(textOf) }));
      void watch(answered);
    },
    recover() {
      ledger.start();
      void watch(Promise.resolve());
    },
    goOn,
    async tell(order, by) {
      const [provider = ""] = by.split(" ");
      const learnt = { status: "found", result: { charge: `${provider}-${order}` } } as const;
      try {
        return (await operation.observe(order, learnt, { by: `webhook of ${by}`, provider })) !== undefined;
      } catch {
        return false;
      }
    },
    look,
    holdsByChance: () => passage.busy && !standsInTransaction,
    async leave() {
      left = true;
      await ledger.stop();
    },
  };
}

/** Every move is written as if its worker still had the row: with the fence, and from the state, that stand there now. */
function forgetFences(ledger: object): void {
  const { store } = internalsOf("ledger", ledger).engine;
  const anyFence = (planned: readonly PlannedMove[]): Promise<readonly PlannedMove[]> =>
    Promise.all(
      planned.map(async ({ row, move }) => {
        const now = (await store.find(row.id)) ?? row;
        return { row: { ...now, readAtMs: row.readAtMs }, move: { ...move, from: now.state } };
      }),
    );
  const moveMany = store.moveMany.bind(store);
  store.moveMany = async (query, planned) => await moveMany(query, await anyFence(planned));
  const moving = store.moving.bind(store);
  store.moving = async (planned, work) => await moving(await anyFence(planned), work);
  const moveAtOnce = store.moveAtOnce.bind(store);
  store.moveAtOnce = async (planned, business) => await moveAtOnce(await anyFence(planned), business);
}

function textOf(answer: PromiseSettledResult<Outcome<unknown>>): string {
  if (answer.status === "fulfilled") return answer.value.status;
  const { reason } = answer as { readonly reason: unknown };
  const code: unknown =
    typeof reason === "object" && reason !== null ? Reflect.get(reason, "code") : undefined;
  return `threw ${typeof code === "string" ? code : String(reason)}`;
}

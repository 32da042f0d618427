import type { BarrierAction, Passed } from "@outrigger/ledger";
import { beforeAll, expect, test } from "vitest";
import { type AnyNode, useAnyShop } from "../support/shop.ts";

const shop = useAnyShop("ledger_barrier");
let node: AnyNode;
beforeAll(async () => {
  await shop.database.query(
    "create table stock (id varchar(64) primary key, free integer not null, sold integer not null)",
  );
});

/** What the service does: takes from what is free, sells it, or gives it back. */
const effects: Readonly<Record<BarrierAction, string>> = {
  try: "free = free - 1",
  confirm: "sold = sold + 1",
  cancel: "free = free + 1",
};

async function request(
  action: BarrierAction,
  key: string,
  more: { readonly fails?: boolean } = {},
): Promise<Passed<string>["outcome"]> {
  node ??= shop.node();
  return await inTransaction(async (tx) => {
    const passed = await node.ledger.barrier(tx, { key, action, scope: "stock" }, async () => {
      await shop.database.run(tx, `update stock set ${effects[action]} where id = '${key}'`);
      if (more.fails === true) throw new Error("the disk is full");
      return action;
    });
    if (passed.outcome === "ran") expect(passed.value).toBe(action);
    return passed.outcome;
  });
}

async function inTransaction<T>(work: (tx: unknown) => Promise<T>): Promise<T> {
  const { tx, commit, rollback } = await shop.database.begin();
  try {
    const value = await work(tx);
    await commit();
    return value;
  } catch (error) {
    await rollback();
    throw error;
  }
}

async function stock(id: string): Promise<string> {
  const [row] = await shop.database.query(`select free, sold from stock where id = '${id}'`);
  return `${row?.["free"]} free, ${row?.["sold"]} sold`;
}

const fresh = async (id: string): Promise<void> => {
  await shop.database.query(`insert into stock values ('${id}', 10, 0)`);
};

/** Every order in which a try, a confirm and a cancel may come, with repeats, up to four requests. */
function* orders(): Generator<readonly BarrierAction[]> {
  const actions: readonly BarrierAction[] = ["try", "confirm", "cancel"];
  function* more(made: readonly BarrierAction[]): Generator<readonly BarrierAction[]> {
    if (made.length > 0) yield made;
    if (made.length < 4) for (const action of actions) yield* more([...made, action]);
  }
  yield* more([]);
}

test("in whatever order requests come, and however often, the work is done as if each had come once and in turn", async () => {
  let count = 0;
  for (const order of orders()) {
    const id = `order${count++}`;
    await fresh(id);
    const outcomes: string[] = [];
    for (const action of order) {
      outcomes.push(await request(action, id).catch((error: { code: string }) => error.code));
    }
    const ran = (action: BarrierAction): number =>
      order.filter((each, index) => each === action && outcomes[index] === "ran").length;
    const label = `${order.join(" ")}: ${outcomes.join(" ")}`;
    for (const action of ["try", "confirm", "cancel"] as const)
      expect(ran(action), label).toBeLessThanOrEqual(1);
    // Nothing is confirmed or undone that was not tried, and never both.
    expect(ran("confirm") + ran("cancel"), label).toBeLessThanOrEqual(ran("try"));
    // Hanging: a try after its cancel does nothing.
    const cancelled = order.indexOf("cancel");
    if (cancelled !== -1 && !order.slice(0, cancelled).includes("try")) expect(ran("try"), label).toBe(0);
    const free = 10 - ran("try") + ran("cancel");
    expect(await stock(id), label).toBe(`${free} free, ${ran("confirm")} sold`);
  }
  expect(count).toBe(120);
});

test("each outcome has its name: ran, repeated, empty, cancelled, or out of order", async () => {
  await fresh("n1");
  expect(await request("cancel", "n1")).toBe("empty");
  expect(await request("cancel", "n1")).toBe("repeated");
  expect(await request("try", "n1")).toBe("cancelled");
  expect(await request("confirm", "n1")).toBe("cancelled");
  await fresh("n2");
  await expect(request("confirm", "n2")).rejects.toMatchObject({ code: "BARRIER_ORDER", effect: "none" });
  expect(await request("try", "n2")).toBe("ran");
  expect(await request("try", "n2")).toBe("repeated");
  expect(await request("confirm", "n2")).toBe("ran");
  expect(await request("try", "n2")).toBe("repeated");
  await expect(request("cancel", "n2")).rejects.toThrow("it is confirmed");
});

test("work that fails leaves nothing behind, and may be asked for again", async () => {
  await fresh("f1");
  await expect(request("try", "f1", { fails: true })).rejects.toThrow("the disk is full");
  expect(await stock("f1")).toBe("10 free, 0 sold");
  expect(await request("try", "f1")).toBe("ran");
});

test("requests that come at the same time wait for each other, and one of them does the work", async () => {
  await fresh("c1");
  const outcomes = await Promise.all(
    ["try", "try", "cancel"].map((action) => request(action as BarrierAction, "c1")),
  );
  const tried = outcomes.slice(0, 2).filter((outcome) => outcome === "ran").length;
  const undone = outcomes[2] === "ran" ? 1 : 0;
  expect(tried).toBe(undone);
  expect(await stock("c1")).toBe("10 free, 0 sold");
});

test("wrong options, and what is no transaction, are refused", async () => {
  const { ledger } = shop.node();
  const work = (): void => {};
  await expect(ledger.barrier({}, { key: "k", action: "try" }, work)).rejects.toThrow("tx must be");
  await inTransaction(async (tx) => {
    await expect(ledger.barrier(tx, { key: "", action: "try" }, work)).rejects.toMatchObject({
      code: "KEY_INVALID",
    });
    await expect(ledger.barrier(tx, { key: "k", action: "undo" as never }, work)).rejects.toThrow(
      "barrier.action",
    );
    await expect(ledger.barrier(tx, { key: "k", action: "try", scope: "a b" }, work)).rejects.toThrow(
      "barrier.scope",
    );
    await expect(ledger.barrier(tx, { key: "k", action: "try" }, undefined as never)).rejects.toThrow(
      "must be a function",
    );
    await expect(ledger.barrier(tx, { key: "k", axtion: "try" } as never, work)).rejects.toThrow(
      'did you mean "action"?',
    );
  });
});

test("keys are kept apart by scope, and forgotten with the ledger's own", async () => {
  const { ledger } = shop.node({ retention: { forgetAfter: "1ms" } });
  const pass = async (scope: string): Promise<string> =>
    await inTransaction(
      async (tx) => (await ledger.barrier(tx, { key: "s1", action: "try", scope }, () => 1)).outcome,
    );
  expect([await pass("a"), await pass("b"), await pass("a")]).toEqual(["ran", "ran", "repeated"]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await ledger.tidy();
  expect(await pass("a")).toBe("ran");
});

import type { OperationRecord, StepName } from "@outrigger/ledger";
import { expect, test } from "vitest";
import type { Mode } from "./support/provider.ts";
import { type AnyNode, useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_crash");

interface Scenario {
  readonly a: Mode;
  readonly b?: Mode;
  /** What the user's commit says. */
  readonly commit?: "rejects";
}

const scenarios: Readonly<Record<string, Scenario>> = {
  "the provider answers": { a: {} },
  "the card is declined": { a: { charge: "unavailable" }, b: { charge: "declined" } },
  "the second provider has to help": { a: { charge: "unavailable" } },
  "the answer is lost": { a: { charge: "replyLost" } },
  "the charge arrives late": { a: { charge: "late", lateMs: 300 } },
  "the inquiry fails twice": { a: { charge: "replyLost", failInquiries: 2 } },
  "the cancel's answer is lost twice": { a: { charge: "late", lateMs: 150, loseCancelReplies: 2 } },
  "the order cannot take the payment": { a: { loseCancelReplies: 1 }, commit: "rejects" },
};

interface Case {
  readonly scenario: Scenario;
  readonly key: string;
  /** The process dies at this step, counted from 1; Infinity lives. */
  readonly firstCrash: number;
  /** The process that takes over dies at this step of its own. */
  readonly secondCrash: number;
}

/** A process that dies at its `at`th step, and until then notes where it was. */
function mortal(
  { scenario, key }: Case,
  at: number,
): { node: AnyNode; steps: StepName[]; died: Promise<void> } {
  const steps: StepName[] = [];
  let die = (): void => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const node = shop.node({
    operation: key,
    lease: "800ms",
    async onStep(name) {
      steps.push(name);
      if (steps.length < at) return;
      if (steps.length === at) await node.crash().then(die);
      await new Promise(() => {}); // A dead process does nothing more.
    },
    ...(scenario.commit === "rejects" && {
      definition: {
        async commit() {
          throw new Error("sold out");
        },
      },
    }),
  });
  return { node, steps, died };
}

const ended: readonly (OperationRecord["state"] | undefined)[] = [undefined, "DONE", "FAILED", "CANCELLED"];

/** Resolves with whether the operation came to its end, unless the process dies first. */
async function settles({ node }: { node: AnyNode }, key: string, died: Promise<void>): Promise<boolean> {
  let dead = false;
  void died.then(() => {
    dead = true;
  });
  for (const until = performance.now() + 20_000; performance.now() < until && !dead; ) {
    const open = { state: "UNKNOWN" as const };
    const found = node.ledger.find({ operation: key, key }).catch(() => open);
    // A pool that is ended never answers whoever still waits for one of its connections.
    const record = await Promise.race([found, died.then(() => open)]);
    if (ended.includes(record?.state) && !dead) return true;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  return false;
}

async function play(each: Case): Promise<{ steps: StepName[]; recovery: StepName[] }> {
  const { key, scenario } = each;
  shop.a.modes.set(key, { ...scenario.a });
  shop.b.modes.set(key, { ...scenario.b });
  const first = mortal(each, each.firstCrash);
  first.node.ledger.start();
  const run = first.node.pay.run({ id: key, amount: 1 }, { key });
  run.catch(() => {}); // The death of its connections is what is tested.
  await Promise.race([first.died, run.then(() => settles(first, key, first.died))]);
  const second = mortal(each, each.secondCrash);
  second.node.ledger.start();
  if (!(await settles(second, key, second.died))) {
    const third = mortal(each, Number.POSITIVE_INFINITY);
    third.node.ledger.start();
    expect(await settles(third, key, third.died), `${key} comes to an end`).toBe(true);
    await third.node.close();
  }
  await Promise.all([first.node.close(), second.node.close()]);
  return { steps: first.steps, recovery: second.steps };
}

/** Knows the provider's journal and the business table only. */
async function judge({ key }: Case): Promise<void> {
  await Promise.all([shop.a.quiet(), shop.b.quiet()]);
  const active = [shop.a.activeCharges(key), shop.b.activeCharges(key)];
  const status = await shop.status(key);
  const charged = [...shop.a.journal, ...shop.b.journal].filter(
    (line) => line.kind === "charge" && line.key === key,
  );
  expect(charged.length, `${key}: charges ever made`).toBeLessThanOrEqual(1);
  expect([key, active[0] === 1 || active[1] === 1]).toEqual([key, status === "paid"]);
  expect(["paid", "void", undefined]).toContain(status);
}

async function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}

test.each(Object.entries(scenarios))(
  "%s: a process may die at any step, and the next one at any step of its recovery",
  async (name, scenario) => {
    const label = name.replaceAll(/[^a-z]/g, "-");
    const alive = Number.POSITIVE_INFINITY;
    const rehearsal: Case = { scenario, key: `${label}.0.0`, firstCrash: alive, secondCrash: alive };
    const { steps } = await play(rehearsal);
    await judge(rehearsal);
    const cases = steps.flatMap((_, index) =>
      [alive, 2 + (index % 3)].map(
        (secondCrash): Case => ({
          scenario,
          key: `${label}.${index + 1}.${secondCrash}`,
          firstCrash: index + 1,
          secondCrash,
        }),
      ),
    );
    await inTurns(cases, 12, async (each) => {
      await play(each);
      await judge(each);
    });
    expect(cases.length).toBeGreaterThanOrEqual(12);
  },
  60_000,
);

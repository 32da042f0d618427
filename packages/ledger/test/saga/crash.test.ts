import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { useAnyShop } from "../support/shop.ts";
import { ended, keyAt, type StepName, standing, type TripNode, tripNode } from "./support.ts";

const shop = useAnyShop("ledger_saga_crash");
const all: readonly StepName[] = ["flight", "hotel", "car", "pay"];

function same(node: TripNode): void {
  node.saga([node.step("flight"), [node.step("hotel"), node.step("car")], node.step("pay")]);
}

/** All of it stands, or nothing: what a judge sees who knows nothing of the ledger. */
async function judge(state: string, id: string, trip: string): Promise<void> {
  await shop.a.quiet();
  const reached = Object.values(await standing(shop, id, all, trip));
  if (state === "DONE") expect(reached).toEqual(["1 paid", "1 paid", "1 paid", "1 paid"]);
  else for (const each of reached) expect(["0 void", "0 none"], id).toContain(each);
  for (const step of all) {
    const charges = shop.a.journal.filter(
      ({ kind, key }) => kind === "charge" && key === keyAt(trip, step, id),
    );
    expect(charges.length).toBeLessThanOrEqual(1);
  }
}

/** A process that dies at its nth step. @returns whether there was such a step. */
async function dies(trip: string, id: string, at: number): Promise<boolean> {
  const { module, url } = shop.database;
  const given = { module, url, provider: shop.a.url, trip, id, at: String(at) };
  const child = spawn(
    process.execPath,
    [
      "--conditions=@outrigger/source",
      "--no-warnings",
      new URL("killed-saga.ts", import.meta.url).pathname,
      JSON.stringify(given),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect([17, "SIGKILL"]).toContain(signal ?? code);
  return signal === "SIGKILL";
}

test.each([
  ["that commits", "forth", {}, 1],
  ["that turns back", "back", { charge: "declined" }, 2],
  ["with a step that is unknown", "unknown", { charge: "replyLost" }, 3],
] as const)(
  "a process with a saga %s may be killed at any step; another one takes it to its end",
  async (_, trip, pay, elsewhere) => {
    const rescuer = tripNode(shop, { trip });
    same(rescuer);
    rescuer.ledger.start();
    const cases: Promise<void>[] = [];
    // The steps are the saga's own: on other databases every third is met, beginning with another one for each saga.
    const [first, every] = shop.database.product === "PostgreSQL" ? [1, 1] : [elsewhere, 3];
    // Several at a time: most of a case is the wait for a lease to end.
    for (let at = first, more = true; more; at += 4 * every) {
      const batch = Array.from({ length: 4 }, (_, index) => at + index * every);
      const died = await Promise.all(
        batch.map(async (each) => {
          const id = `${trip}${each}`;
          shop.a.modes.set(keyAt(trip, "pay", id), { ...pay });
          return await dies(trip, id, each);
        }),
      );
      more = died.every(Boolean);
      for (const each of batch) {
        const id = `${trip}${each}`;
        if ((await rescuer.ledger.sagas.find({ saga: trip, key: id })) === undefined) {
          await judge("COMPENSATED", id, trip);
          continue;
        }
        cases.push(ended(rescuer, id, trip, 60_000).then((state) => judge(state, id, trip)));
      }
    }
    await Promise.all(cases);
    expect(cases.length).toBeGreaterThan(10 / every);
  },
  240_000,
);

test("two workers share a crowd of sagas, and a worker that wakes after its lease changes nothing", async () => {
  const trip = "crowd";
  const asleep: string[] = [];
  const sleeps: (() => void)[] = [];
  const sleepy = tripNode(shop, {
    trip,
    lease: "400ms",
    onStep: async (name) => {
      // Four of its sagas are taken from it while it sleeps: before it sends, and before it writes down what it knows.
      if (name !== "sagaStep.afterCommit" && name !== "saga.beforeCommit") return;
      if (asleep.filter((each) => each === name).length >= 2) return;
      asleep.push(name);
      await new Promise<void>((resolve) => sleeps.push(resolve));
    },
  });
  same(sleepy);
  const ids = Array.from({ length: 24 }, (_, index) => `w${index}`);
  for (const [index, id] of ids.entries()) {
    if (index % 3 === 1) shop.a.modes.set(keyAt(trip, "pay", id), { charge: "declined" });
    if (index % 3 === 2) shop.a.modes.set(keyAt(trip, "car", id), { charge: "replyLost" });
  }
  const other = tripNode(shop, { trip });
  const second = tripNode(shop, { trip });
  for (const node of [other, second]) same(node);
  const starter = tripNode(shop, { trip });
  const saga = starter.saga([
    starter.step("flight"),
    [starter.step("hotel"), starter.step("car")],
    starter.step("pay"),
  ]);
  for (const id of ids) await saga.enqueue({ id }, { key: id });
  sleepy.ledger.start();
  await expect.poll(() => asleep.length, { timeout: 20_000 }).toBe(4);
  other.ledger.start();
  second.ledger.start();
  const states = await Promise.all(ids.map((id) => ended(other, id, trip, 40_000)));
  for (const wake of sleeps) wake();
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const [index, id] of ids.entries()) await judge(states[index] ?? "", id, trip);
  // What was about to be sent by the one that slept is found not to be there, and is cancelled.
  expect(states.filter((state) => state === "COMPENSATED").length).toBeGreaterThanOrEqual(8);
  expect(states.filter((state) => state === "DONE").length).toBeGreaterThanOrEqual(12);
}, 90_000);

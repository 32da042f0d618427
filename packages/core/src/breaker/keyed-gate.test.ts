import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo, failure, manual, watch } from "../../test/calls.ts";
import {
  CallContext,
  concurrencyLimit,
  execute,
  explain,
  keyedBreaker,
  type PolicyEvent,
  pipeline,
  planOf,
  retry,
  tryExecute,
} from "../index.ts";
import { fusedOf } from "../pipeline/fuse.ts";

const byHost = (input: unknown): string => (input as string).split("/")[0] ?? "";

test("a pipeline runs a keyed breaker as one with its neighbours, and every circuit counts its own calls", async () => {
  const clock = new VirtualClock();
  const breaker = keyedBreaker({ key: byHost, minimumCalls: 2, clock });
  const down = pipeline(
    retry({ maxRetries: 0 }),
    breaker,
    concurrencyLimit(10),
  )((host: string) => (host.startsWith("a") ? Promise.reject(failure()) : Promise.resolve(host)));
  expect(fusedOf(down)).toBeDefined();
  for (const path of ["a/1", "b/1", "a/2"]) await execute(down, path, { clock }).catch(() => {});
  expect(await tryExecute(down, "a/3", { clock })).toMatchObject({ failure: { code: "BREAKER_OPEN" } });
  expect(await execute(down, "b/2", { clock })).toBe("b/2");
  expect(breaker.snapshotOf("a")).toMatchObject({ state: "open", rejected: 1 });
  expect(breaker.snapshotOf("b")).toMatchObject({ state: "closed", calls: 2 });
});

test("calls that run at the same time are told apart, in whatever order they end", async () => {
  const clock = new VirtualClock();
  const breaker = keyedBreaker({ key: byHost, minimumCalls: 100, clock });
  const { call, calls } = manual();
  const guarded = breaker(call);
  const ends: ("ok" | "failed")[] = ["failed", "ok", "ok", "failed", "ok", "failed"];
  for (let round = 0; round < 3; round += 1) {
    calls.length = 0;
    for (const [index] of ends.entries())
      void watch(execute(guarded, `${index % 2 ? "b" : "a"}/x`, { clock }));
    for (const index of [3, 0, 5, 1, 4, 2]) {
      if (ends[index] === "ok") calls[index]?.resolve("ok");
      else calls[index]?.reject(failure());
      await clock.advance(0);
    }
  }
  expect(breaker.snapshotOf("a")).toMatchObject({ calls: 9, failures: 3, stale: 0 });
  expect(breaker.snapshotOf("b")).toMatchObject({ calls: 9, failures: 6, stale: 0 });
});

test("its place in a pipeline is checked and explained like that of any breaker", () => {
  const breaker = keyedBreaker({ key: byHost, name: "hosts", probes: 5 });
  expect(planOf(breaker)).toMatchObject({ kind: "gate", policy: "keyedBreaker", name: "hosts", probes: 5 });
  expect(() => pipeline(breaker, retry())).toThrow('keyedBreaker "hosts" (pipeline[0]) stands around retry');
  expect(() => pipeline(breaker, concurrencyLimit(3))).toThrow("lets 5 probes through at a time");
  expect(() => pipeline(breaker, breaker)).toThrow("are one object");
  expect(explain(breaker).lines.join("\n")).toContain('keyedBreaker "hosts"');
  expect(explain(breaker).lines.join("\n")).not.toContain("not known");
  breaker.reconfigure({ probes: 2 });
  expect(planOf(breaker)).toMatchObject({ probes: 2 });
});

test("a rejection names the operation of its call, and the key's circuit even when a listener calls again", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const breaker = keyedBreaker({
    key: byHost,
    minimumCalls: 1,
    clock,
    onEvent: (event) => {
      events.push(event);
      // Another call, of another host that is open as well, from within the report.
      if (event.type === "breakerOpened" && event.key === "b")
        void watch(execute(breaker(echo), "a/x", { clock }));
    },
  });
  const fail = breaker(() => Promise.reject(failure()));
  await execute(fail, "a/x", { clock }).catch(() => {});
  await execute(fail, "b/x", { clock }).catch(() => {});
  events.length = 0;
  await expect(execute(breaker(echo), "b/x", { clock, operation: "notify" })).rejects.toMatchObject({
    message: expect.stringContaining("for b is open"),
  });
  expect(events).toMatchObject([{ type: "callRejected", key: "b", operation: "notify" }]);
});

test("a key that throws, or is no string, is the key of nobody, and stops no call", async () => {
  const breaker = keyedBreaker({
    key: (input) => {
      if (input === "throws") throw new Error("no key");
      return input === "odd" ? (42 as never) : "known";
    },
    minimumCalls: 1,
  });
  for (const input of ["throws", "odd", "other"]) expect(await execute(breaker(echo), input)).toBe(input);
  expect(breaker.snapshotOf("")).toMatchObject({ calls: 2 });
});

test("settling a place that was never taken does nothing", () => {
  const breaker = keyedBreaker({ key: () => "k", clock: new VirtualClock() });
  const plan = planOf(breaker);
  if (plan?.kind !== "gate") throw new Error("no gate");
  const context = new CallContext();
  const place = plan.gate.admit(0, context, "k");
  plan.gate.settle(place, "failure", 1, 0, failure());
  plan.gate.settle(place, "failure", 2, 0, failure());
  plan.gate.settle(7, "failure", 2, 0, failure());
  expect(breaker.snapshotOf("k")).toMatchObject({ calls: 1 });
  // A place that was given back is used again: there are never more of them than calls that run.
  expect([plan.gate.admit(3, context, "k"), plan.gate.admit(3, context, "k")]).toEqual([0, 1]);
});

test("places that were given back are used again, all of them, before there are more", () => {
  const breaker = keyedBreaker({ key: () => "k", clock: new VirtualClock() });
  const plan = planOf(breaker);
  if (plan?.kind !== "gate") throw new Error("no gate");
  const { gate } = plan;
  const context = new CallContext();
  for (let wave = 0; wave < 3; wave += 1) {
    const places = [0, 1, 2, 3].map(() => gate.admit(wave, context, "k"));
    expect([...places].sort()).toEqual([0, 1, 2, 3]);
    for (const place of places) gate.settle(place, "success", wave, wave, undefined);
  }
  expect(breaker.snapshotOf("k")).toMatchObject({ calls: 12, stale: 0 });
});

test("a call is asked for its key once, also when it is turned away", async () => {
  const clock = new VirtualClock();
  let asked = 0;
  const key = (): string => {
    asked += 1;
    return `host ${asked}`;
  };
  const breaker = keyedBreaker({ key, clock });
  breaker.force("host 1", "open", { reason: "drill" });
  const rejected = await tryExecute(breaker(echo), "", { clock });
  expect(rejected).toMatchObject({ failure: { message: expect.stringContaining("for host 1 is forced") } });
  expect(asked).toBe(1);
});

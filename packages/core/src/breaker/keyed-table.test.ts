import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import { execute, type KeyedBreaker, type KeyedBreakerOptions, keyedBreaker } from "../index.ts";

interface Setup {
  readonly clock: VirtualClock;
  readonly breaker: KeyedBreaker;
  readonly call: (key: string, end?: unknown) => Promise<unknown>;
  readonly known: () => string[];
}

const keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] as const;

/** On a clock that has run for a day, as a process usually has. */
async function setup(options: Partial<KeyedBreakerOptions> = {}): Promise<Setup> {
  const clock = new VirtualClock();
  await clock.advance(86_400_000);
  const breaker = keyedBreaker({ key: String, minimumCalls: 1, probes: 1, clock, ...options });
  const call = (key: string, end?: unknown): Promise<unknown> => {
    const guarded = breaker(async (_: string) => {
      if (end !== undefined) throw end;
      return "ok";
    });
    return execute(guarded, key, { clock }).catch((error: unknown) => error);
  };
  const known = (): string[] => keys.filter((key) => breaker.snapshotOf(key) !== undefined);
  return { clock, breaker, call, known };
}

test("a circuit that was idle is forgotten, and one that was used meanwhile is not", async () => {
  const { clock, call, known } = await setup({ idleFor: "1m" });
  await call("a");
  await clock.advance(30_000);
  await call("b");
  await clock.advance(29_999);
  expect(await call("c")).toBe("ok");
  expect(known()).toEqual(["a", "b", "c"]);
  await clock.advance(1);
  expect(await call("c")).toBe("ok");
  expect(known()).toEqual(["b", "c"]);
});

test("nobody is forgotten for a circuit that stays: what was used lately is kept behind one that is forced", async () => {
  const { clock, breaker, call, known } = await setup({ idleFor: "1m" });
  breaker.force("a", "open", { reason: "drill" });
  await clock.advance(59_000);
  await call("b");
  await call("c", failure());
  await clock.advance(1_000);
  for (let round = 0; round < 3; round += 1) expect(await call("d")).toBe("ok");
  expect(known()).toEqual(["a", "b", "c", "d"]);
});

test("circuits that stay do not hide the idle ones behind them, and none is lost", async () => {
  const { clock, breaker, call, known } = await setup({ idleFor: "1m" });
  for (const key of keys.slice(0, 9)) breaker.force(key, "open", { reason: "drill" });
  await call("j");
  await call("k");
  await clock.advance(60_000);
  for (let round = 0; round < 4; round += 1) expect(await call("l")).toBe("ok");
  expect(known()).toEqual([...keys.slice(0, 9), "l"]);
  expect(Object.keys(breaker.snapshot().circuits).sort()).toEqual(keys.slice(0, 9));
  expect(breaker.snapshot()).toMatchObject({ keys: 10, evicted: 2 });
});

test("a snapshot lists the circuits in the order of their last use", async () => {
  const { breaker, call } = await setup();
  for (const key of ["a", "b", "c"]) breaker.force(key, "open", { reason: "drill" });
  expect(Object.keys(breaker.snapshot().circuits)).toEqual(["a", "b", "c"]);
  for (const key of ["b", "d", "d"]) await call(key);
  expect(Object.keys(breaker.snapshot().circuits)).toEqual(["a", "c", "b"]);
});

test("where there is no room, a healthy circuit goes before an open one, and the one in use stays", async () => {
  const { call, known } = await setup({ maxKeys: 3 });
  await call("a", failure());
  await call("b");
  await call("c");
  expect(await call("d")).toBe("ok");
  expect(known()).toEqual(["a", "c", "d"]);
  const tight = await setup({ maxKeys: 1 });
  await tight.call("a", failure());
  expect(await tight.call("b")).toBe("ok");
  expect(tight.known()).toEqual(["b"]);
});

test("where there is no room, the oldest goes when it and the seven after it are open, whatever is behind them", async () => {
  const eight = await setup({ maxKeys: 9 });
  for (const key of keys.slice(0, 8)) await eight.call(key, failure());
  await eight.call("i");
  await eight.call("j");
  expect(eight.known()).toEqual(["b", "c", "d", "e", "f", "g", "h", "i", "j"]);
  const seven = await setup({ maxKeys: 9 });
  for (const key of keys.slice(0, 7)) await seven.call(key, failure());
  await seven.call("h");
  await seven.call("i");
  await seven.call("j");
  expect(seven.known()).toEqual(["a", "b", "c", "d", "e", "f", "g", "i", "j"]);
});

test("where all are forced there is no room, and none is forgotten", async () => {
  const { breaker, call, known } = await setup({ maxKeys: 2 });
  for (const key of ["a", "b", "c"]) breaker.force(key, "disabled", { reason: "no breaker for these" });
  expect(await call("d")).toBe("ok");
  expect(await call("d")).toBe("ok");
  expect(known()).toEqual(["a", "b", "c", "d"]);
});

test("a circuit that ramps up is shown and kept, and one that has just closed without it is not shown", async () => {
  const ramping = await setup({ rampUp: "10s", maxKeys: 2 });
  const plain = await setup();
  for (const { clock, call } of [ramping, plain]) {
    await call("a", failure());
    await clock.advance(30_000);
    await call("a");
  }
  expect(plain.breaker.snapshot().circuits).toEqual({});
  expect(ramping.breaker.snapshot().circuits).toMatchObject({ a: { state: "closed", admittedShare: 0.1 } });
  await ramping.call("b");
  await ramping.call("c");
  expect(ramping.known()).toEqual(["a", "c"]);
});

test("a snapshot shows at most a thousand circuits", async () => {
  const { breaker } = await setup();
  for (let key = 0; key < 1_001; key += 1) breaker.force(String(key), "open", { reason: "drill" });
  expect(breaker.snapshot().keys).toBe(1_001);
  expect(Object.keys(breaker.snapshot().circuits)).toHaveLength(1_000);
});

test("a change of rules reaches the circuits that are there", async () => {
  const { clock, breaker, call } = await setup({ minimumCalls: 2 });
  await call("a");
  breaker.reconfigure({ slowCall: { after: "1s" } });
  const hung = breaker(() => new Promise<string>(() => {}));
  void execute(hung, "a", { clock });
  await clock.advance(1_000);
  expect(breaker.snapshotOf("a")?.slowCalls).toMatchObject({ slow: 1 });
});

test("a change of rules keeps the table's own options", async () => {
  const { clock, breaker, call, known } = await setup({ idleFor: "1h" });
  await call("a");
  breaker.reconfigure({ probes: 2 });
  await clock.advance(3_599_999);
  await call("b");
  expect(known()).toEqual(["a", "b"]);
});

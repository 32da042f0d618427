import { seededRandom, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { failure } from "../../test/calls.ts";
import {
  execute,
  type KeyedBreaker,
  type KeyedBreakerOptions,
  keyedBreaker,
  type PolicyEvent,
} from "../index.ts";

interface Setup {
  readonly clock: VirtualClock;
  readonly breaker: KeyedBreaker;
  readonly events: PolicyEvent[];
  readonly call: (host: string, end?: unknown) => Promise<unknown>;
}

function setup(options: Partial<KeyedBreakerOptions> = {}): Setup {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const breaker = keyedBreaker({
    key: (input) => (input as { host: string }).host,
    minimumCalls: 2,
    probes: 1,
    clock,
    name: "webhooks",
    onEvent: (event) => events.push(event),
    ...options,
  });
  const call = (host: string, end?: unknown): Promise<unknown> => {
    const guarded = breaker(async (_: { host: string }) => {
      if (end !== undefined) throw end;
      return "ok";
    });
    return execute(guarded, { host }, { clock }).catch((error: unknown) => error);
  };
  return { clock, breaker, events, call };
}

async function open({ call }: Setup, host: string): Promise<void> {
  await call(host, failure());
  await call(host, failure());
}

test("a host that fails is shut out alone, and rejections and events name it", async () => {
  const made = setup();
  const { clock, breaker, events, call } = made;
  await open(made, "a.example");
  expect(await call("b.example")).toBe("ok");
  expect(await call("a.example")).toMatchObject({
    code: "BREAKER_OPEN",
    effect: "none",
    retryAfterMs: 30_000,
    message:
      "the circuit breaker of webhooks for a.example is open: 2 of 2 calls failed in 10 s; at least 1 needed; " +
      "try again in 30 s",
  });
  expect(events.map((event) => ("key" in event ? event.key : undefined))).toEqual(["a.example", "a.example"]);
  expect(breaker.snapshot()).toMatchObject({
    kind: "keyedBreaker",
    name: "webhooks",
    keys: 2,
    evicted: 0,
    circuits: { "a.example": { state: "open", failures: 2 } },
  });
  expect(Object.keys(breaker.snapshot().circuits)).toEqual(["a.example"]);
  expect(breaker.snapshotOf("b.example")).toMatchObject({ state: "closed", calls: 1 });
  expect(breaker.snapshotOf("c.example")).toBeUndefined();
  await clock.advance(30_000);
  expect(await call("a.example")).toBe("ok");
  expect(breaker.snapshotOf("a.example")?.state).toBe("closed");
});

test("circuits that are not used are forgotten after their time by the calls of others, two at a time, without a timer", async () => {
  const { clock, breaker, call } = setup({ idleFor: "1m" });
  for (let host = 0; host < 10; host += 1) await call(`h${host}`);
  await clock.advance(59_999);
  await call("busy");
  expect(breaker.snapshot()).toMatchObject({ keys: 11, evicted: 0 });
  await clock.advance(1);
  for (const evicted of [2, 4, 6, 8, 10, 10]) {
    await call("busy");
    expect(breaker.snapshot()).toMatchObject({ keys: 11 - evicted, evicted });
  }
  expect(clock.pending).toBe(0);
});

test("over the most keys the least recently used is forgotten", async () => {
  const { breaker, call } = setup({ maxKeys: 3 });
  for (const host of ["a", "b", "c", "a", "d"]) await call(host);
  const kept = ["a", "b", "c", "d"].filter((host) => breaker.snapshotOf(host) !== undefined);
  expect(kept).toEqual(["a", "c", "d"]);
});

test("who makes up keys does not thereby close an open circuit", async () => {
  const made = setup({ maxKeys: 10 });
  await open(made, "broken");
  for (let host = 0; host < 1_000; host += 1) await made.call(`made-up-${host}`);
  expect(made.breaker.snapshotOf("broken")?.state).toBe("open");
  expect(made.breaker.snapshot().keys).toBe(10);
});

test("with open circuits only, the number of keys stays bounded all the same", async () => {
  const made = setup({ maxKeys: 10 });
  for (let host = 0; host < 50; host += 1) await open(made, `broken-${host}`);
  expect(made.breaker.snapshot().keys).toBe(10);
});

test("a circuit that is open or forced is not forgotten for being idle", async () => {
  const made = setup({ idleFor: "1m", openFor: "10m" });
  const { clock, breaker, call } = made;
  await open(made, "broken");
  breaker.force("shut", "open", { reason: "they asked us to stop" });
  breaker.force("trusted", "disabled", { reason: "no breaker for these" });
  for (let minute = 0; minute < 9; minute += 1) {
    await clock.advance(60_000);
    await call("busy");
    await call(`other-${minute}`);
  }
  expect(Object.keys(breaker.snapshot().circuits).sort()).toEqual(["broken", "shut", "trusted"]);
  expect(await call("shut")).toMatchObject({ code: "BREAKER_OPEN" });
  await clock.advance(3_600_000);
  for (let round = 0; round < 5; round += 1) await call("busy");
  expect(breaker.snapshotOf("broken")).toBeUndefined();
  expect(breaker.snapshotOf("shut")?.forced).toMatchObject({ to: "open" });
});

test("the table agrees with a list of uses, whatever comes in which order", async () => {
  const { clock, breaker, call } = setup({ maxKeys: 5, idleFor: "1h" });
  const random = seededRandom(11);
  let used: string[] = [];
  for (let step = 0; step < 500; step += 1) {
    const host = `h${Math.floor(random() * 9)}`;
    await clock.advance(1);
    await call(host);
    used = [...used.filter((each) => each !== host), host].slice(-5);
    for (let each = 0; each < 9; each += 1) {
      expect(breaker.snapshotOf(`h${each}`) !== undefined).toBe(used.includes(`h${each}`));
    }
  }
});

test("a key function that throws, or gives no string, stops no call; those calls share one circuit", async () => {
  for (const key of [
    () => {
      throw new Error("no host");
    },
    () => undefined as never,
    () => 7 as never,
  ]) {
    const { breaker, call } = setup({ key });
    expect(await call("a")).toBe("ok");
    expect(breaker.snapshotOf("")).toMatchObject({ calls: 1 });
  }
});

test("a key may be any string", async () => {
  const made = setup();
  for (const key of ["__proto__", "constructor", " ", "💥"]) await open(made, key);
  const snapshot = JSON.parse(JSON.stringify(made.breaker.snapshot()));
  expect(Object.keys(snapshot.circuits)).toEqual(["__proto__", "constructor", " ", "💥"]);
});

test("open circuits go on in another process", async () => {
  const first = setup();
  await open(first, "a");
  await first.call("b");
  const second = setup();
  second.breaker.restore(JSON.parse(JSON.stringify(first.breaker.snapshot())));
  expect(await second.call("a")).toMatchObject({ code: "BREAKER_OPEN" });
  expect(second.breaker.snapshotOf("b")).toBeUndefined();
  expect(() => second.breaker.restore({ circuits: { a: {} } })).toThrow("snapshot.circuits.a.takenAtMs");
  expect(() => second.breaker.restore({})).toThrow("snapshot.circuits must be an object; got undefined");
});

test("other rules hold for every circuit at once", async () => {
  const { breaker, call } = setup({ minimumCalls: 10 });
  await call("a", failure());
  await call("b", failure());
  breaker.reconfigure({ minimumCalls: 2 });
  await call("a", failure());
  expect(breaker.snapshot().circuits).toMatchObject({ a: { state: "open", failures: 2 } });
  expect(breaker.snapshotOf("b")).toMatchObject({ state: "closed", failures: 1 });
});

test("slow calls of many circuits are told apart", async () => {
  const { clock, breaker } = setup({ slowCall: { after: "1s", ratio: 0.5 } });
  const never = breaker((_: { host: string }) => new Promise<string>(() => {}));
  for (const host of ["slow", "quick", "slow"]) void execute(never, { host }, { clock });
  await clock.advance(1_000);
  expect(breaker.snapshotOf("slow")).toMatchObject({ state: "open", slowCalls: { slow: 2, calls: 2 } });
  expect(breaker.snapshotOf("quick")).toMatchObject({ state: "closed", slowCalls: { slow: 1, calls: 1 } });
});

test("wrong options are refused with their path, the value and the fix", () => {
  const refused = (options: unknown, message: string): void => {
    expect(() => keyedBreaker(options as KeyedBreakerOptions)).toThrow(message);
  };
  refused({}, "keyedBreaker.key must be a function; got undefined");
  refused({ key: "host" }, 'keyedBreaker.key must be a function; got "host"');
  refused({ key: () => "", maxKeys: 0 }, "keyedBreaker.maxKeys must be a whole number, at least 1; got 0");
  refused({ key: () => "", idleFor: 5 }, "keyedBreaker.idleFor must be a duration with a unit");
  refused({ key: () => "", maxkeys: 5 }, 'keyedBreaker.maxkeys is not an option; did you mean "maxKeys"?');
  refused({ key: () => "", probes: 0 }, "keyedBreaker.probes must be");
});

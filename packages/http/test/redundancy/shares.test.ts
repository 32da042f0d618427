import { type BreakerSnapshot, Failure, loadBudget } from "@outrigger/core";
import { expect, test } from "vitest";
import { innerBudget, redundantRead } from "../../src/index.ts";
import { caught, fails, hangs, read, setUp } from "./fake-providers.ts";

test("a provider comes back with a tenth of its calls, and gets more of them until it has all", async () => {
  let draws = 0;
  const { clock, a, b, payments, events } = setUp({}, {}, () => ((draws++ % 20) + 0.5) / 20);
  payments.reconfigure("b", { priority: 2 });
  /** Of twenty calls, how many begin at the first provider. */
  const atA = async (): Promise<number> => {
    await clock.advance(20);
    const before = a.sent.length;
    for (let call = 0; call < 20; call += 1) await payments.call("read", "x");
    return a.sent.length - before;
  };
  const circuit = (state: BreakerSnapshot["state"]) => {
    a.circuit = { state, admittedShare: undefined };
  };
  expect(await atA()).toBe(20);
  circuit("open");
  expect(await atA()).toBe(0);
  circuit("halfOpen");
  expect(await atA()).toBe(2);
  circuit("closed");
  expect(await atA()).toBe(2);
  await clock.advance(10_000);
  expect(await atA()).toBe(8);
  await clock.advance(10_000);
  expect(await atA()).toBe(14);
  await clock.advance(10_000);
  expect(await atA()).toBe(20);
  expect(a.sent.length + b.sent.length).toBe(140);
  expect(events).toMatchObject(
    [
      ["up", "down"],
      ["down", "trial"],
      ["trial", "recovering"],
      ["recovering", "up"],
    ].map(([from, to]) => ({
      type: "providerStandingChanged",
      provider: "a",
      operation: undefined,
      from,
      to,
    })),
  );
});

test("a budget that is used up keeps a failed call from the next provider, and a rejected one goes on for free", async () => {
  const budget = loadBudget({ ratio: 0, minPerSecond: 0.1, perOperationShare: 1 });
  const { a, b, payments, events } = setUp({ budget });
  a.behave = fails("CONNECT_FAILED", "failed", "none");
  expect((await payments.call("write", "1")).provider).toBe("b");
  expect(await caught(payments.call("write", "2"))).toMatchObject({ code: "CONNECT_FAILED", provider: "a" });
  a.behave = fails("BREAKER_OPEN", "rejected", "none");
  expect((await payments.call("write", "3")).provider).toBe("b");
  expect(b.sent.length).toBe(2);
  expect(events.filter(({ type }) => type === "failoverRefused")).toMatchObject([{ why: "budgetExhausted" }]);
});

test("a budget that is shared with the providers' retries counts a call once", () => {
  const budget = loadBudget({ ratio: 1, minPerSecond: 0 });
  const inner = innerBudget(budget);
  budget.began(0);
  inner.began(0);
  expect([inner.reserve(0) !== undefined, inner.reserve(0)]).toEqual([true, undefined]);
  expect([inner.name, inner.ratio]).toEqual([undefined, 1]);
});

test("a slow read is hedged with the next provider; the loser is told to stop and counts as aborted", async () => {
  const hedged = redundantRead({ hedge: { delay: "50ms" }, providers: { a: read, b: read } });
  const { clock, a, b, payments, events } = setUp({}, { read: hedged });
  a.behave = hangs;
  const answer = payments.call("read", "x");
  await clock.advance(49);
  expect(b.sent.length).toBe(0);
  await clock.advance(1);
  expect(await answer).toMatchObject({ provider: "b", value: "read" });
  expect(a.sent[0]?.options.signal?.aborted).toBe(true);
  expect(payments.snapshot().providers).toMatchObject([
    { name: "a", aborted: 1, failed: 0, running: 0 },
    { name: "b", answered: 1 },
  ]);
  expect(events.map(({ type }) => type)).toEqual(["hedgeStarted", "hedgeWon"]);
  expect(payments.snapshot().operations["read"]?.hedge).toMatchObject({ started: 1, won: 1 });
});

test("neither a hedge nor a failover asks a provider twice for one call", async () => {
  const hedged = redundantRead({ hedge: { delay: "50ms", maxHedges: 3 }, providers: { a: read, b: read } });
  const { clock, a, b, payments, events } = setUp({}, { read: hedged });
  a.behave = hangs;
  b.behave = async () => {
    await clock.advance(0);
    throw new Failure("down", { code: "DOWN", effect: "none" });
  };
  const controller = new AbortController();
  const failure = caught(payments.call("read", "x", { signal: controller.signal }));
  await clock.advance(500);
  expect([a.sent.length, b.sent.length]).toEqual([1, 1]);
  controller.abort();
  expect(await failure).toMatchObject({ kind: "aborted" });
  expect(
    events.filter(
      (event) => "error" in event && Failure.is(event.error) && event.error.code === "PROVIDER_SKIPPED",
    ),
  ).toEqual([]);
  expect(clock.pending).toBe(0);
});

test("a provider that a hedge is asking is not asked again when the first one fails", async () => {
  const hedged = redundantRead({ hedge: { delay: "50ms" }, providers: { a: read, b: read } });
  const { clock, a, b, payments } = setUp({}, { read: hedged });
  let fail: () => void = () => {};
  a.behave = () =>
    new Promise((_, reject) => {
      fail = () => reject(new Failure("down", { code: "DOWN", effect: "none" }));
    });
  b.behave = () => hangs({ signal: b.sent.at(-1)?.options.signal }, "read");
  const controller = new AbortController();
  const failure = caught(payments.call("read", "x", { signal: controller.signal }));
  await clock.advance(50);
  fail();
  await clock.advance(0);
  expect([a.sent.length, b.sent.length]).toEqual([1, 1]);
  controller.abort();
  expect(await failure).toMatchObject({ kind: "aborted" });
});

test("a hedge that the budget refuses is not sent", async () => {
  const hedged = redundantRead({ hedge: { delay: "50ms" }, providers: { a: read, b: read } });
  const budget = loadBudget({ ratio: 0, minPerSecond: 0.1, perOperationShare: 1 });
  expect(budget.reserve(0)).toBeDefined();
  const { clock, a, b, payments } = setUp({ budget }, { read: hedged });
  a.behave = hangs;
  const controller = new AbortController();
  const failure = caught(payments.call("read", "x", { signal: controller.signal }));
  await clock.advance(500);
  expect(b.sent.length).toBe(0);
  controller.abort();
  await failure;
});

test("an operation with a circuit of its own is judged by that one, and the others by theirs", async () => {
  const { a, b, payments, events } = setUp();
  a.circuits["write"] = { state: "open", admittedShare: undefined };
  expect((await payments.call("write", "x")).provider).toBe("b");
  expect((await payments.call("read", "x")).provider).toBe("a");
  expect([a.sent.length, b.sent.length]).toEqual([1, 1]);
  expect(events).toMatchObject([
    { type: "providerStandingChanged", provider: "a", operation: "write", from: "up", to: "down" },
  ]);
  expect(payments.snapshot().operations).toMatchObject({
    read: { providers: [{ name: "a", state: "up", share: 0.5 }, { name: "b" }] },
    write: {
      providers: [
        { name: "a", state: "down", share: 0 },
        { name: "b", share: 1 },
      ],
    },
  });
});

test("draining waits for what runs, and resuming lets whoever waits go", async () => {
  const { a, payments, events } = setUp();
  a.behave = hangs;
  const controller = new AbortController();
  const running = caught(payments.call("read", "x", { signal: controller.signal }));
  const drained = payments.drain("a");
  expect(payments.drain("a")).toBe(drained);
  expect(payments.snapshot().operations["read"]?.providers).toMatchObject([
    { name: "a", share: 0 },
    { name: "b", share: 1 },
  ]);
  payments.resume("a");
  await drained;
  payments.resume("a");
  controller.abort();
  await running;
  expect(events.map(({ type }) => type)).toEqual([
    "providerDraining",
    "providerStandingChanged",
    "providerResumed",
  ]);
  expect(() => payments.drain("c")).toThrow('drain: there is no provider "c"; there are a, b');
});

test("when every provider is drained the call is turned away", async () => {
  const { payments } = setUp();
  await Promise.all([payments.drain("a"), payments.drain("b")]);
  expect(await caught(payments.call("read", "x"))).toMatchObject({
    code: "NO_PROVIDER",
    kind: "rejected",
    effect: "none",
  });
});

test("shares can be changed while calls run", async () => {
  const { payments } = setUp();
  const shares = () => payments.snapshot().operations["write"]?.providers.map(({ share }) => share);
  expect(shares()).toEqual([0.5, 0.5]);
  payments.reconfigure("a", { weight: 3 });
  expect(shares()).toEqual([0.75, 0.25]);
  payments.reconfigure("b", { priority: 2 });
  expect(shares()).toEqual([1, 0]);
  expect(() => payments.reconfigure("a", { weight: 0 })).toThrow("reconfigure.weight must be a whole number");
});

test("circuits are looked at fifty times a second at most, and at once after a failure", async () => {
  const { clock, a, payments } = setUp();
  for (let call = 0; call < 10; call += 1) await payments.call("read", "x");
  expect(a.looks).toBe(1);
  await clock.advance(20);
  await payments.call("read", "x");
  expect(a.looks).toBe(2);
  a.behave = fails("DOWN", "failed", "none");
  await payments.call("read", "x");
  await payments.call("read", "x");
  expect(a.looks).toBe(3);
});

test("a budget within a redundant integration shows what the shared one allows, and refuses what is none", () => {
  const budget = loadBudget({ ratio: 0.3, minPerSecond: 4 });
  const inner = innerBudget(budget);
  budget.reconfigure({ minPerSecond: 7 });
  expect([inner.ratio, inner.minPerSecond]).toEqual([0.3, 7]);
  expect(() => innerBudget({ reserve: () => undefined } as never)).toThrow(
    /^innerBudget\.began must be a function/,
  );
});

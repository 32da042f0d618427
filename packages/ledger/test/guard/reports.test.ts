import { once } from "node:events";
import { Agent as HttpAgent, get as httpGet } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { connect } from "node:net";
import { VirtualClock } from "@outrigger/lab";
import { type GuardOptions, guardTransactions } from "@outrigger/ledger/guard";
import { beforeEach, expect, test } from "vitest";
import { useSurroundings } from "./support.ts";

const around = useSurroundings("guard_reports");
let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

function putUp(options: GuardOptions = {}): void {
  around.putUp({ clock, ...options });
}

async function callInTransaction(): Promise<void> {
  await around.guard?.inTransaction("ours", () => around.call());
}

test("a place that calls again and again is reported once a minute, with the count of its calls", async () => {
  putUp();
  for (let each = 0; each < 3; each += 1) await callInTransaction();
  await clock.advance(59_999);
  await callInTransaction();
  expect(around.events).toMatchObject([{ count: 1 }]);
  await clock.advance(1);
  await callInTransaction();
  expect(around.events).toMatchObject([{ count: 1 }, { count: 4 }]);
  expect(around.guard?.snapshot()).toEqual({ mode: "report", callsInTransactions: 5 });
  expect(clock.pending).toBe(0);
});

test("more places than a log can bear are counted, and told of later", async () => {
  putUp({ reportsAtMost: 2 });
  for (const of of ["a", "b", "c", "d"]) await around.guard?.inTransaction(of, () => around.call());
  expect(around.reported).toEqual(["http GET in a", "http GET in b"]);
  await clock.advance(60_000);
  await around.guard?.inTransaction("e", () => around.call());
  expect(around.events.slice(2)).toMatchObject([
    { type: "reportsDropped", count: 2 },
    { transaction: { of: "e" } },
  ]);
});

test("hosts that are allowed may be called, with their port or without, or by a function's word", async () => {
  const port = Number(around.peer.split(":")[1]);
  for (const allow of ["127.0.0.1", around.peer, (call: { peer: string }) => call.peer === around.peer]) {
    putUp({ allow: [allow] });
    await callInTransaction();
    around.guard?.stop();
  }
  expect(around.reported).toEqual([]);
  putUp({ allow: ["127.0.0.1:1", "localhost", `127.0.0.2:${port}`, () => false] });
  await callInTransaction();
  expect(around.reported).toEqual(["http GET in ours"]);
});

test("one request is reported once, and not again for the connection that it makes", async () => {
  putUp({ reportEvery: "1ms" });
  const agents = { http: new HttpAgent(), https: new HttpsAgent() };
  const { silentPort } = around;
  await around.guard?.inTransaction("http", async () => {
    const [response] = await once(httpGet(around.service, { agent: agents.http }), "response");
    response.resume();
    await once(response, "end");
  });
  await around.guard?.inTransaction("https", async () => {
    const request = httpsGet({ port: silentPort, host: "127.0.0.1", agent: agents.https, timeout: 50 });
    request.on("timeout", () => request.destroy());
    await once(request, "close").catch(() => {});
  });
  await around.guard?.inTransaction("fetch", () =>
    fetch(`https://127.0.0.1:${silentPort}`, { signal: AbortSignal.timeout(50) }).catch(() => {}),
  );
  agents.http.destroy();
  agents.https.destroy();
  expect(around.reported).toEqual(["http GET in http", "http GET in https", "http GET in fetch"]);
  expect(around.events[1]).toMatchObject({ call: { peer: `127.0.0.1:${silentPort}` } });
});

test("connections that are no HTTP can be left alone", async () => {
  const open = async (): Promise<void> => {
    const socket = connect(around.silentPort, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
  };
  putUp({ sockets: false });
  await around.guard?.inTransaction("ours", open);
  expect(around.reported).toEqual([]);
  around.guard?.stop();
  putUp();
  await around.guard?.inTransaction("ours", open);
  expect(around.reported).toEqual(["socket  in ours"]);
});

test("without a listener a report is a warning of the process", async () => {
  around.putUp({ onEvent: undefined } as never);
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  await callInTransaction();
  expect(await warned).toMatchObject({ name: "OutriggerWarning", code: "CALL_IN_TRANSACTION" });
  expect((await warned).message).toContain(`GET ${around.peer} was called at`);
});

test("what is started outside of the transaction may call", async () => {
  putUp();
  await around.guard?.inTransaction("ours", async () => {
    await around.guard?.outside(() => around.call());
  });
  expect(around.reported).toEqual([]);
});

test("work that is not async is in the transaction while it runs", async () => {
  putUp();
  const calls: Promise<unknown>[] = [];
  around.guard?.inTransaction("ours", () => {
    calls.push(around.call());
  });
  calls.push(around.call());
  await Promise.all(calls);
  expect(around.reported).toEqual(["http GET in ours"]);
});

test("a listener that throws changes nothing", async () => {
  putUp({
    onEvent: () => {
      throw new Error("mine");
    },
  });
  await callInTransaction();
  expect(around.arrived).toHaveLength(1);
});

test("a process has one guard at a time, and another one once it is down", () => {
  putUp();
  expect(() => guardTransactions()).toThrow("this process has a guard already");
  around.guard?.stop();
  around.guard?.stop();
  putUp();
});

test("an option that is wrong is named, with what to write instead", () => {
  const wrong: readonly (readonly [options: object, message: string])[] = [
    [{ mod: "fail" }, 'guard.mod is not an option; did you mean "mode"?'],
    [{ mode: "off" }, 'guard.mode must be one of "fail", "report"; got "off"'],
    [{ allow: "a" }, 'guard.allow must be a list; got "a"'],
    [{ allow: ["https://a.example"] }, "guard.allow[0] must be a host"],
    [{ sockets: 1 }, "guard.sockets must be true or false; got 1"],
    [{ reportEvery: 60 }, "guard.reportEvery"],
    [{ reportsAtMost: 0 }, "guard.reportsAtMost must be a whole number, at least 1"],
    [{ onEvent: 1 }, "guard.onEvent must be a function; got 1"],
    [{ clock: {} }, "guard.clock.now must be a function"],
  ];
  for (const [options, message] of wrong) {
    expect(() => guardTransactions(options)).toThrow(message);
  }
  // None of them has left a guard behind.
  putUp();
});

import { seededRandom } from "@outrigger/lab";
import { expect, onTestFinished, test } from "vitest";
import { HttpFailure } from "../src/index.ts";
import { lane, type OperationName, send, until } from "./support/harness.ts";
import type { Behaviour, Received } from "./support/wire-server.ts";

const seed = Number(process.env["SEED"] ?? 20_260_101);

const refuse402: Behaviour = (_request, peer) => peer.reply(402, "{}");
const limit429: Behaviour = (_request, peer) => peer.reply(429, "{}", { "retry-after": "0" });
/** Listed in `notApplied`. */
const shed503: Behaviour = (_request, peer) => peer.reply(503, "{}", { "retry-after": "0" });
/** What the server answers without having done anything. All others act first, and then fail or not. */
const idle: ReadonlySet<Behaviour> = new Set([refuse402, limit429, shed503]);

/** Everything that a server can do, each about as often. */
const behaviours: readonly Behaviour[] = [
  (request, peer) => peer.reply(200, request.body),
  (request, peer) => peer.reply(200, request.body),
  (request, peer) => void setTimeout(() => peer.reply(200, request.body), 15),
  (_request, peer) => peer.reply(200, "{}", { connection: "close" }),
  (_request, peer) => peer.reply(502, "{}", { "retry-after": "0" }),
  shed503,
  refuse402,
  limit429,
  (_request, peer) => peer.reply(500),
  (_request, peer) => peer.fin(),
  (_request, peer) => peer.rst(),
  (_request, peer) => {
    peer.reply(200, "{}");
    peer.fin();
  },
  (_request, peer) => {
    peer.reply(200, "{}");
    setTimeout(peer.rst, 1);
  },
  () => {},
  (_request, peer) => peer.raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234"),
  (_request, peer) => {
    peer.raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234");
    peer.fin();
  },
  (_request, peer) => peer.raw("not http at all\r\n\r\n"),
  (_request, peer) => peer.reply(200, "x".repeat(3_000)),
];

test(`500 calls among random faults and aborts leave nothing behind and send nothing twice (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const appliedThere = new Set<string>();
  const appliedTwice = new Set<string>();
  const behaviour: Behaviour = (request, peer) => {
    const picked = pick(behaviours);
    const id = idOf(request);
    if (!idle.has(picked)) (appliedThere.has(id) ? appliedTwice : appliedThere).add(id);
    return picked(request, peer);
  };
  const { api, server, events } = await lane(behaviour, {
    notApplied: [503],
    timeout: { connect: "400ms", read: "60ms", attempt: "150ms", total: "400ms" },
    pool: { connections: 6, acquire: "50ms", maxWaiting: 20 },
    concurrency: { limit: 40 },
    retry: { maxRetries: 2 },
    breaker: { minimumCalls: 20, failureRatio: 0.9, openFor: "20ms" },
    maxResponseBytes: 2_000,
  });
  const ended = { succeeded: 0, failed: 0 };
  const nothingSent = new Set<string>();
  const notAppliedHere = new Set<string>();
  const applied = new Set<string>();

  const one = async (nth: number): Promise<void> => {
    const operation = pick<OperationName>(["read", "keyed", "plain"]);
    const id = `${operation}-${nth}`;
    const signal = random() < 0.2 ? AbortSignal.timeout(Math.floor(random() * 80)) : undefined;
    try {
      await send(api, operation, { id, ...(signal === undefined ? {} : { signal }) });
      ended.succeeded += 1;
      applied.add(id);
    } catch (error) {
      if (!HttpFailure.is(error)) throw error;
      ended.failed += 1;
      if (error.effect === "none" && operation !== "read") notAppliedHere.add(id);
      if (!error.written) {
        expect(error.effect).toBe("none");
        nothingSent.add(id);
      }
    }
  };
  for (let nth = 0; nth < 500; nth += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => one(nth + index)));
  }

  expect(ended.succeeded + ended.failed).toBe(500);
  expect(ended.succeeded).toBeGreaterThan(50);
  expect(ended.failed).toBeGreaterThan(50);
  const counts = new Map<string, number>();
  for (const { target, body } of server.received) {
    const id = idOf({ target, body });
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [id, copies] of counts) {
    // A change that must not be sent twice is sent again after answers that say that nothing was applied, only.
    if (id.startsWith("plain")) expect(appliedTwice.has(id), id).toBe(false);
    expect(copies, id).toBeLessThanOrEqual(6);
    expect(nothingSent.has(id), `${id} was said never to have left`).toBe(false);
  }
  for (const id of applied) expect(counts.has(id)).toBe(true);
  expect(notAppliedHere.size).toBeGreaterThan(20);
  expect([...notAppliedHere].filter((id) => appliedThere.has(id))).toEqual([]);

  await until(() => api.snapshot().concurrency?.inUse === 0);
  expect(api.snapshot()).toMatchObject({
    concurrency: { inUse: 0, outliving: 0 },
    pool: { inUse: 0, waiting: 0 },
    calls: { running: 0, succeeded: ended.succeeded, failed: ended.failed },
  });
  await api.close();
  await until(() => server.open === 0);
  const { opened, closed, open } = api.snapshot().pool;
  expect({ open, left: opened - closed }).toEqual({ open: 0, left: 0 });
  expect(events.filter(({ type }) => type === "connectionOpened")).toHaveLength(opened);
  expect(events.filter(({ type }) => type === "callFinished")).toHaveLength(500);
  expect(unhandled).toEqual([]);
}, 30_000);

test(`of a change that failed with no effect the server has applied nothing, whatever was sent before (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const faults: readonly Behaviour[] = [
    (_request, peer) => peer.reply(200),
    (_request, peer) => peer.reply(200),
    (_request, peer) => peer.rst(),
    (_request, peer) => peer.fin(),
    refuse402,
    limit429,
    shed503,
  ];
  const appliedThere = new Set<string>();
  const { api, server } = await lane(
    (request, peer) => {
      const picked = faults[Math.floor(random() * faults.length)] as Behaviour;
      if (!idle.has(picked)) appliedThere.add(idOf(request));
      return picked(request, peer);
    },
    {
      notApplied: [503],
      pool: { connections: 4, acquire: "5s" },
    },
  );
  const saidNone: string[] = [];
  const one = async (id: string): Promise<void> => {
    try {
      await send(api, "keyed", { id });
    } catch (error) {
      if (!HttpFailure.is(error)) throw error;
      if (error.effect === "none") saidNone.push(id);
    }
  };
  for (let nth = 0; nth < 400; nth += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, index) => one(`keyed-${nth + index}`)));
  }

  expect(saidNone.length).toBeGreaterThan(20);
  expect(saidNone.filter((id) => appliedThere.has(id))).toEqual([]);
  // The case that is easily got wrong: a reused connection swallowed the request, and its resend was refused.
  expect(api.snapshot().pool.staleResends).toBeGreaterThan(5);
  expect(server.received.length).toBeGreaterThan(400);
}, 30_000);

function idOf({ target, body }: Pick<Received, "target" | "body">): string {
  return /id=(.*)$/.exec(target)?.[1] ?? (JSON.parse(body) as { id: string }).id;
}

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultKind, type FaultSetting, faultKinds, type Provider, startProvider } from "@outrigger/lab";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Sent, send, until } from "./client.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const folder = mkdtempSync(join(tmpdir(), "lab-faults-"));
const agents: Agent[] = [];
let provider: Provider;
let orders = 0;

beforeAll(async () => {
  provider = await startProvider({ name: "a", journalPath: join(folder, "journal.ndjson") });
});

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await provider.setFault("healthy");
});

afterAll(async () => {
  await provider.stop();
  rmSync(folder, { recursive: true });
});

interface Try extends Sent {
  readonly key: string;
  readonly orderId: string;
}

function charge(key?: string, agent?: Agent): Try {
  orders += 1;
  const own = key ?? `key-${orders}`;
  const orderId = `order of ${own}`;
  const sent = send(`${provider.url}/v1/charges`, {
    json: { orderId, amount: 1_000, currency: "KRW" },
    headers: { "idempotency-key": own },
    ...(agent !== undefined && { agent }),
  });
  // Not spread: `silent` is a getter.
  return Object.assign(Object.create(sent) as Sent, { key: own, orderId });
}

const cancel = ({ key, orderId }: Try) => send(`${provider.url}/v1/cancels`, { json: { key, orderId } });
const inquire = ({ orderId }: Try) =>
  send(`${provider.url}/v1/charges?orderId=${encodeURIComponent(orderId)}`).seen;

async function journalOf({ key }: Try): Promise<readonly string[]> {
  return (await provider.journal()).filter((line) => line.key === key).map((line) => line.kind);
}

async function usedBy(fault: FaultKind | FaultSetting, act: () => Promise<void>): Promise<number> {
  const kind = typeof fault === "string" ? fault : fault.kind;
  const before = (await provider.fault()).used;
  await provider.setFault(fault);
  await act();
  const after = (await provider.fault()).used;
  const others = faultKinds.filter((each) => each !== kind && after[each] !== before[each]);
  expect(others, "faults that were not on").toEqual([]);
  return after[kind] - before[kind];
}

const touched = async (kind: FaultKind, times: number): Promise<void> => {
  await until(`${kind} has touched ${times}`, async () => (await provider.fault()).used[kind] >= times);
};

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return agent;
}

test("healthy: charged and told so", async () => {
  const used = await usedBy("healthy", async () => {
    const sent = charge();
    expect((await sent.seen).status).toBe(200);
    expect(await journalOf(sent)).toEqual(["charge"]);
  });
  expect(used).toBe(1);
});

test("slow: the answer comes after the delay, and until then its key is in progress", async () => {
  const used = await usedBy({ kind: "slow", delayMs: 600 }, async () => {
    const startedAtMs = performance.now();
    const sent = charge();
    await touched("slow", 1);
    expect(await charge(sent.key).seen).toMatchObject({
      status: 409,
      headers: { "retry-after": "1" },
      body: { code: "KEY_IN_PROGRESS" },
    });
    expect((await inquire(sent)).body).toEqual({ charges: [] });
    expect((await sent.seen).status).toBe(200);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(595);
    expect(await journalOf(sent)).toEqual(["charge"]);
  });
  expect(used).toBe(2);
});

test("slow: a caller that leaves is charged all the same", async () => {
  await provider.setFault({ kind: "slow", delayMs: 200 });
  const { used } = await provider.fault();
  const sent = charge();
  await touched("slow", used.slow + 1);
  sent.leave();
  await until("the charge is applied", async () => (await journalOf(sent)).length === 1);
});

test("hangBeforeApply: silence and no charge; when the fault changes the connection closes", async () => {
  const sent = charge();
  await sent.seen;
  let hanging: Try | undefined;
  const used = await usedBy("hangBeforeApply", async () => {
    hanging = charge();
    await touched("hangBeforeApply", 1);
    expect((await inquire(hanging)).body).toEqual({ charges: [] });
    expect(hanging.silent).toBe(true);
  });
  expect(used).toBe(1);
  await provider.setFault("healthy");
  expect(await hanging?.seen).toEqual({ error: "ECONNRESET" });
  if (hanging !== undefined) expect(await journalOf(hanging)).toEqual([]);
});

test("applyThenHang: silence, but charged; after it, the same key tells what happened", async () => {
  let hanging: Try | undefined;
  const used = await usedBy("applyThenHang", async () => {
    hanging = charge();
    await touched("applyThenHang", 1);
    expect((await inquire(hanging)).body).toMatchObject({ charges: [{ status: "approved" }] });
    expect(hanging.silent).toBe(true);
    expect(await journalOf(hanging)).toEqual(["charge"]);
  });
  expect(used).toBe(1);
  await provider.setFault("healthy");
  expect(await hanging?.seen).toEqual({ error: "ECONNRESET" });
  expect((await charge(hanging?.key).seen).status).toBe(200);
  if (hanging !== undefined) expect(await journalOf(hanging)).toEqual(["charge"]);
});

test("applyThenReset: the connection is reset, but charged", async () => {
  const used = await usedBy("applyThenReset", async () => {
    const sent = charge();
    expect(await sent.seen).toEqual({ error: "ECONNRESET" });
    expect(await journalOf(sent)).toEqual(["charge"]);
    expect(await charge(sent.key).seen).toEqual({ error: "ECONNRESET" });
    expect(await journalOf(sent)).toEqual(["charge"]);
  });
  expect(used).toBe(2);
});

test("resetBeforeRead: any request is reset, on old connections and on new ones, there at its first byte", async () => {
  const agent = keepAlive();
  expect((await charge(undefined, agent).seen).status).toBe(200);
  const used = await usedBy("resetBeforeRead", async () => {
    const old = charge(undefined, agent);
    expect(await old.seen).toEqual({ error: "ECONNRESET" });
    const fresh = charge();
    expect(await fresh.seen).toEqual({ error: "ECONNRESET" });
    expect(await inquire(fresh)).toEqual({ error: "ECONNRESET" });
    expect(await cancel(fresh).seen).toEqual({ error: "ECONNRESET" });
    expect([...(await journalOf(old)), ...(await journalOf(fresh))]).toEqual([]);
    const { port, hostname } = new URL(provider.url);
    const raw = connect(Number(port), hostname);
    await once(raw, "connect");
    raw.write("P");
    const [error] = (await once(raw, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });
  expect(used).toBe(5);
  await provider.setFault("healthy");
  expect((await send(`${provider.url}/blocked`).seen).text).toBe("");
});

test("applyLate: silence, and the charge comes after the caller has gone, once, also when it was repeated", async () => {
  const used = await usedBy({ kind: "applyLate", delayMs: 500 }, async () => {
    const sent = charge();
    await touched("applyLate", 1);
    const again = charge(sent.key);
    await touched("applyLate", 2);
    expect([sent.silent, again.silent]).toEqual([true, true]);
    sent.leave();
    again.leave();
    await until("the charge is applied", async () => (await journalOf(sent)).length > 0);
    expect(await journalOf(sent)).toEqual(["charge"]);
  });
  expect(used).toBe(2);
});

test("applyLate: what is under way is applied although the fault has changed", async () => {
  const { used } = await provider.setFault({ kind: "applyLate", delayMs: 500 });
  const sent = charge();
  await touched("applyLate", used.applyLate + 1);
  await provider.setFault("healthy");
  expect(await sent.seen).toEqual({ error: "ECONNRESET" });
  expect((await charge(sent.key).seen).status).toBe(409);
  await until("the charge is applied", async () => (await journalOf(sent)).length === 1);
  expect((await charge(sent.key).seen).status).toBe(200);
});

test("applyLate: a key that is cancelled in the meantime is never charged", async () => {
  const { used } = await provider.setFault({ kind: "applyLate", delayMs: 1_500 });
  const sent = charge();
  await touched("applyLate", used.applyLate + 1);
  expect(await cancel(sent).seen).toMatchObject({ status: 200, body: { status: "blocked" } });
  await provider.setFault("healthy");
  // While the original is under way its key is in progress; 410 says that its time has come and gone.
  await until("the original has come", async () => (await charge(sent.key).seen).status === 410);
  expect(await journalOf(sent)).toEqual([]);
  expect((await inquire(sent)).body).toEqual({ charges: [] });
});

test("unavailable: 503 that says when to come back, and no charge; inquiry and cancel still answer", async () => {
  const used = await usedBy({ kind: "unavailable", retryAfterSeconds: 7 }, async () => {
    const sent = charge();
    expect(await sent.seen).toMatchObject({
      status: 503,
      headers: { "retry-after": "7" },
      body: { code: "UNAVAILABLE" },
    });
    expect((await inquire(sent)).status).toBe(200);
    expect((await cancel(sent).seen).status).toBe(200);
    expect(await journalOf(sent)).toEqual([]);
  });
  expect(used).toBe(1);
});

test("refuse: nobody can connect, connections that exist close; later the same address answers again", async () => {
  const agent = keepAlive();
  const first = charge(undefined, agent);
  await first.seen;
  const closed = once(await first.socket, "close");
  const used = await usedBy("refuse", async () => {
    await closed;
    expect(await charge(undefined, agent).seen).toEqual({ error: "ECONNREFUSED" });
    expect(await inquire(first)).toEqual({ error: "ECONNREFUSED" });
    expect((await provider.journal()).length).toBeGreaterThan(0);
  });
  expect(used).toBeGreaterThanOrEqual(1);
  await provider.setFault("refuse");
  await provider.setFault("healthy");
  expect((await charge(undefined, agent).seen).status).toBe(200);
});

test("closeIdle: connections close unannounced, the idle ones at once and the others after their answer", async () => {
  const agent = keepAlive();
  const idle = charge(undefined, agent);
  await idle.seen;
  const idleClosed = once(await idle.socket, "close");
  const used = await usedBy("closeIdle", async () => {
    await idleClosed;
    const sent = charge(undefined, agent);
    const closed = once(await sent.socket, "close");
    const seen = await sent.seen;
    expect([seen.status, seen.headers?.["connection"]]).toEqual([200, "keep-alive"]);
    expect(await journalOf(sent)).toEqual(["charge"]);
    await closed;
  });
  expect(used).toBe(2);
});

test("closeIdle: a caller that reuses the connection as it closes is not charged", async () => {
  await provider.setFault({ kind: "closeIdle", delayMs: 0 });
  const { port, hostname } = new URL(provider.url);
  const raw = connect(Number(port), hostname);
  raw.on("error", () => {});
  const body = (key: string): string => {
    const json = JSON.stringify({ orderId: `order of ${key}`, amount: 1_000, currency: "KRW" });
    return `POST /v1/charges HTTP/1.1\r\nhost: a\r\nidempotency-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`;
  };
  raw.write(body("stale-1"));
  // Not by `once`, which rejects on the reset that the second request may meet.
  const closed = new Promise((resolve) => raw.once("close", resolve));
  await once(raw, "data");
  raw.write(body("stale-2")); // The answer is here; the provider's FIN may not be.
  await closed;
  const keys = (await provider.journal()).map((line) => line.key);
  expect([keys.includes("stale-1"), keys.includes("stale-2")]).toEqual([true, false]);
});

test("dropCancelAnswer: cancels take effect, and their answers are lost by reset and by silence in turns", async () => {
  const first = charge();
  const second = charge();
  await Promise.all([first.seen, second.seen]);
  let silent: Sent | undefined;
  const used = await usedBy("dropCancelAnswer", async () => {
    expect(await cancel(first).seen).toEqual({ error: "ECONNRESET" });
    silent = cancel(second);
    await touched("dropCancelAnswer", 2);
    expect(silent.silent).toBe(true);
    expect((await charge().seen).status).toBe(200);
    expect((await inquire(second)).body).toMatchObject({ charges: [{ status: "cancelled" }] });
    expect(await journalOf(first)).toEqual(["charge", "cancel"]);
    expect(await journalOf(second)).toEqual(["charge", "cancel"]);
  });
  expect(used).toBe(2);
  await provider.setFault("healthy");
  expect(await silent?.seen).toEqual({ error: "ECONNRESET" });
  expect((await cancel(second).seen).body).toMatchObject({ status: "cancelled" });
  expect(await journalOf(second)).toEqual(["charge", "cancel"]);
});

test("failInquiry: inquiries fail, and every second charge gives cause for one", async () => {
  const used = await usedBy("failInquiry", async () => {
    const tries = [charge()];
    await tries[0]?.seen;
    tries.push(charge());
    expect(await Promise.all(tries.map((each) => each.seen))).toMatchObject([
      { status: 200 },
      { error: "ECONNRESET" },
    ]);
    for (const each of tries) {
      expect(await inquire(each)).toMatchObject({ status: 500, body: { code: "INQUIRY_FAILED" } });
      expect(await journalOf(each)).toEqual(["charge"]);
    }
  });
  expect(used).toBe(3);
});

test("whoever was kept waiting is let go, so that nothing gathers", async () => {
  const { used } = await provider.setFault("hangBeforeApply");
  const hanging = Array.from({ length: 50 }, () => charge());
  await touched("hangBeforeApply", used.hangBeforeApply + 50);
  await provider.setFault("hangBeforeApply");
  expect(await Promise.all(hanging.map((each) => each.seen))).toEqual(
    hanging.map(() => ({ error: "ECONNRESET" })),
  );
});

test("every kind has been used", async () => {
  const { used } = await provider.fault();
  expect(faultKinds.filter((kind) => used[kind] === 0)).toEqual([]);
});

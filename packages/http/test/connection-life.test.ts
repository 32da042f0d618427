import { VirtualClock } from "@outrigger/lab";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "./support/harness.ts";
import { rawTransport } from "./support/raw-transport.ts";
import { WireServer } from "./support/wire-server.ts";

async function server(): Promise<WireServer> {
  const wire = await WireServer.start((_request, peer) =>
    peer.reply(200, "{}", { "keep-alive": "timeout=7200" }),
  );
  onTestFinished(() => wire.stop());
  return wire;
}

describe("a connection's longest life", () => {
  test.each([
    [0, 1_000],
    [0.999999, 900],
  ])(
    "ends between nine tenths of pool.maxLifetime and all of it (a draw of %d: %i s)",
    async (draw, livesS) => {
      const clock = new VirtualClock();
      const wire = await server();
      const pool = { maxLifetime: "1000s", keepAliveMax: "1h" } as const;
      const raw = rawTransport(wire.url, { clock, pool, random: () => draw });
      await raw.send();
      await clock.advance((livesS - 1) * 1_000);
      await raw.send();
      expect(wire.connections).toBe(1);
      await clock.advance(1_001);
      await raw.send();
      expect(wire.connections).toBe(2);
      await until(() => wire.open === 1);
      expect(raw.pool.snapshot()).toMatchObject({ opened: 2, closed: 1, open: 1, inUse: 0 });
    },
  );

  test("does not cut short the request that it runs", async () => {
    const clock = new VirtualClock();
    let answer = (): void => {};
    const wire = await WireServer.start((_request, peer) => {
      answer = () => peer.reply(200);
    });
    onTestFinished(() => wire.stop());
    const raw = rawTransport(wire.url, { clock, total: "7200s", pool: { maxLifetime: "10s" } });
    const call = raw.send({ readMs: 3_600_000 });
    await until(() => wire.received.length === 1);
    await clock.advance(60_000);
    answer();
    expect(await call).toMatchObject({ status: 200 });
    await until(() => wire.open === 0);
    expect(raw.pool.snapshot()).toMatchObject({ open: 0, inUse: 0 });
  });

  test("has no end when it is switched off", async () => {
    const clock = new VirtualClock();
    const wire = await server();
    const raw = rawTransport(wire.url, { clock, pool: { maxLifetime: false, keepAliveMax: "1h" } });
    for (let day = 0; day < 3; day += 1) {
      await raw.send();
      await clock.advance(86_400_000);
    }
    expect(wire.connections).toBe(1);
  });
});

describe("a host that swallows connections", () => {
  test("holds no caller longer than the wait for a connection and the time to make one, however many wait", async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    const connect = (): { destroy(): void } => {
      attempts += 1;
      return { destroy: () => {} };
    };
    const raw = rawTransport("http://127.0.0.1:1", {
      clock,
      limit: 100,
      connector: { connect, mayReuse: () => true, forward: undefined },
      pool: { connections: 2, acquire: "1s" },
    });
    const ends: string[] = [];
    const started = clock.now();
    const calls = Array.from({ length: 20 }, () =>
      raw.send().catch((error: { code: string }) => ends.push(`${error.code} ${clock.now() - started}`)),
    );
    for (let step = 0; step < 40; step += 1) await clock.advance(100);
    await Promise.all(calls);
    expect(ends.filter((end) => end === "ACQUIRE_TIMEOUT 1000")).toHaveLength(18);
    expect(ends.filter((end) => end === "CONNECT_TIMEOUT 3000")).toHaveLength(2);
    expect(attempts).toBe(2);
    expect(raw.pool.snapshot()).toMatchObject({
      inUse: 0,
      waiting: 0,
      acquireTimeouts: 18,
      connectFailures: 2,
    });
    expect(clock.pending).toBe(0);
  });
});

import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { exponential } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { describe, expect, onTestFinished, test } from "vitest";
import { startBlackhole } from "../support/blackhole.ts";
import { certificate } from "../support/certificate.ts";
import { failureOf, integrate, send, until } from "../support/harness.ts";
import { startTls } from "../support/tls-server.ts";
import { type Behaviour, WireServer } from "../support/wire-server.ts";

/** A name server in miniature: answers what `addresses` says at that moment, and counts the questions. */
class Names {
  addresses: readonly string[] | Error;
  questions = 0;

  constructor(...addresses: readonly string[]) {
    this.addresses = addresses;
  }

  readonly lookup: LookupFunction = (_hostname, _options, callback) => {
    this.questions += 1;
    const found = this.addresses;
    setImmediate(() => {
      if (found instanceof Error) callback(found, []);
      else
        callback(
          null,
          found.map((address): LookupAddress => ({ address, family: isIP(address) })),
        );
    });
  };
}

const answer: Behaviour = (_request, peer) => peer.reply(200);

/** Two machines behind one port number. */
async function startTwo(): Promise<{ first: WireServer; second: WireServer; url: string }> {
  const first = await WireServer.start(answer);
  onTestFinished(() => first.stop());
  const second = await WireServer.start(answer, { host: "127.0.0.2", port: first.port });
  onTestFinished(() => second.stop());
  return { first, second, url: `http://service.example:${first.port}` };
}

describe("a host with several addresses", () => {
  test("whose IPv6 address is dead is reached by IPv4 in the same attempt", async () => {
    const server = await WireServer.start(answer);
    onTestFinished(() => server.stop());
    const { lookup } = new Names("::1", "127.0.0.1");
    const { api } = integrate(`http://service.example:${server.port}`, { dns: { lookup } });

    await send(api, "plain");

    expect(server.received).toHaveLength(1);
    expect(api.snapshot().pool).toMatchObject({ opened: 1, connectFailures: 0 });
  });

  test("whose first address swallows connections is reached by the second, long before the connect timeout", async () => {
    const blackhole = await startBlackhole();
    onTestFinished(blackhole.stop);
    const port = Number(new URL(blackhole.url).port);
    const server = await WireServer.start(answer, { host: "127.0.0.2", port });
    onTestFinished(() => server.stop());
    const { lookup } = new Names("127.0.0.1", "127.0.0.2");
    const { api } = integrate(`http://service.example:${port}`, {
      dns: { lookup },
      timeout: { connect: "20s" },
    });
    const startedAtMs = performance.now();

    await send(api, "plain");

    // Half a second by design; the rest is for a busy machine.
    expect(performance.now() - startedAtMs).toBeLessThan(15_000);
    expect(server.received).toHaveLength(1);
  });

  test("none of which answers has had no effect", async () => {
    const gone = await WireServer.start(answer);
    const { port } = gone;
    await gone.stop();
    const { lookup } = new Names("::1", "127.0.0.1", "127.0.0.2");
    const { api } = integrate(`http://service.example:${port}`, { dns: { lookup } });

    expect(await failureOf(send(api, "plain"))).toMatchObject({
      code: "CONNECT_FAILED",
      effect: "none",
      transient: true,
      written: false,
    });
  });
});

describe("a host that moves to another address", () => {
  test("is found there by the next connection", async () => {
    const { first, second, url } = await startTwo();
    const names = new Names("127.0.0.1");
    first.behave((_request, peer) => peer.reply(200, "{}", { connection: "close" }));
    const { api } = integrate(url, { dns: { lookup: names.lookup } });
    await send(api, "plain");
    names.addresses = ["127.0.0.2"];
    await until(() => api.snapshot().pool.open === 0);

    await send(api, "plain");

    expect([first.received.length, second.received.length]).toEqual([1, 1]);
  });

  test("is left within dns.follow, by connections that are in use all the time as well, without an error", async () => {
    const clock = new VirtualClock();
    const { first, second, url } = await startTwo();
    const names = new Names("127.0.0.1");
    const { api } = integrate(url, { clock, dns: { lookup: names.lookup, follow: "40s" } });
    await send(api, "plain");
    names.addresses = ["127.0.0.2"];
    // DNS is asked when its last answer is 10 s old; the address was in it 40 s before the one at 40 s.
    for (let second = 0; second <= 40; second += 5) {
      await clock.advance(second === 0 ? 0 : 5_000);
      await send(api, "plain");
      await turn();
    }
    expect(second.received).toHaveLength(0);
    expect(names.questions).toBe(5);

    await send(api, "plain");

    expect(second.received).toHaveLength(1);
    await until(() => first.open === 0);
    expect(api.snapshot().pool).toMatchObject({ opened: 2, inUse: 0, staleResends: 0, connectFailures: 0 });
  });

  test("is not left while it is among the addresses of one in three answers", async () => {
    const clock = new VirtualClock();
    const { first, url } = await startTwo();
    const names = new Names("127.0.0.1");
    const { api } = integrate(url, { clock, dns: { lookup: names.lookup, follow: "40s" } });
    for (let round = 0; round < 30; round += 1) {
      names.addresses = round % 3 === 0 ? ["127.0.0.1", "127.0.0.2"] : ["127.0.0.2"];
      await send(api, "plain");
      await turn();
      await clock.advance(10_000);
    }

    expect(names.questions).toBeGreaterThan(20);
    expect(first.connections).toBe(1);
  });

  test("keeps its connections while DNS is out of order, however long", async () => {
    const clock = new VirtualClock();
    const { first, url } = await startTwo();
    const names = new Names("127.0.0.1");
    const { api } = integrate(url, { clock, dns: { lookup: names.lookup, follow: "40s" } });
    await send(api, "plain");
    names.addresses = Object.assign(new Error("no name server"), { code: "EAI_AGAIN" });
    for (let round = 0; round < 20; round += 1) {
      await clock.advance(20_000);
      await send(api, "plain");
      await turn();
    }

    expect(names.questions).toBeGreaterThan(10);
    expect(first.connections).toBe(1);
  });

  test("is not left when dns.follow is false, and nobody asks", async () => {
    const clock = new VirtualClock();
    const { first, url } = await startTwo();
    const names = new Names("127.0.0.1");
    const pool = { maxLifetime: false } as const;
    const { api } = integrate(url, { clock, pool, dns: { lookup: names.lookup, follow: false } });
    await send(api, "plain");
    names.addresses = ["127.0.0.2"];
    for (let round = 0; round < 5; round += 1) {
      await clock.advance(600_000);
      await send(api, "plain");
    }

    expect(names.questions).toBe(1);
    expect(first.connections).toBe(1);
  });
});

describe("a resolver that fails", () => {
  test.each([
    ["temporarily", Object.assign(new Error("x"), { code: "EAI_AGAIN" }), /was not found \(EAI_AGAIN\)/],
    [
      "in the manner of a DNS library",
      Object.assign(new Error("x"), { code: "ECONNREFUSED" }),
      /was not found \(ECONNREFUSED\)/,
    ],
    ["without a code", new TypeError("x"), /was not found \(TypeError\)/],
    ["with no address at all", [], /was not found \(no address\)/],
  ] as const)("%s is a failure of DNS: no effect, and tried again", async (_how, addresses, message) => {
    const server = await WireServer.start(answer);
    onTestFinished(() => server.stop());
    const names = new Names();
    names.addresses = addresses;
    const { api, events } = integrate(`http://service.example:${server.port}`, {
      dns: { lookup: names.lookup },
      retry: { maxRetries: 2, backoff: exponential("1ms") },
    });

    const failure = await failureOf(send(api, "plain"));
    expect(failure).toMatchObject({
      code: "DNS_FAILED",
      effect: "none",
      transient: true,
      stage: "connect",
      written: false,
      attempts: 3,
    });
    expect(failure.message).toMatch(message);

    names.addresses = ["127.0.0.1"];
    expect((await send(api, "plain")).status).toBe(200);
    expect(events.filter(({ type }) => type === "retryScheduled")).toHaveLength(2);
  });

  test("by throwing, or by answering with one address as dns.lookup may, is understood", async () => {
    const server = await WireServer.start(answer);
    onTestFinished(() => server.stop());
    const url = `http://service.example:${server.port}`;
    const throwing = integrate(url, {
      dns: {
        lookup: () => {
          throw new Error("not configured");
        },
      },
    });
    const single = integrate(url, { dns: { lookup: (_name, _options, done) => done(null, "127.0.0.1", 4) } });

    expect(await failureOf(send(throwing.api, "plain"))).toMatchObject({
      code: "DNS_FAILED",
      effect: "none",
    });
    expect((await send(single.api, "plain")).status).toBe(200);
  });
});

describe("an integration that is marked public", () => {
  test.each([
    [["127.0.0.1"]],
    [["::1"]],
    [["10.1.2.3"]],
    [["169.254.169.254"]],
    [["::ffff:127.0.0.1"]],
    [["93.184.215.14", "127.0.0.1"]],
    [["127.0.0.1", "93.184.215.14"]],
  ])("does not connect to a name with the addresses %j", async (addresses) => {
    const server = await WireServer.start(answer);
    onTestFinished(() => server.stop());
    const { lookup } = new Names(...addresses);
    const { api, events } = integrate(`http://service.example:${server.port}`, {
      public: true,
      dns: { lookup },
      retry: { maxRetries: 2 },
    });

    const failure = await failureOf(send(api, "plain"));

    expect(failure).toMatchObject({
      code: "ADDRESS_REFUSED",
      effect: "none",
      kind: "rejected",
      transient: false,
      stage: "connect",
      written: false,
      attempts: 1,
    });
    expect(failure.message).toMatch(/ is not a public address, and the integration is marked public$/);
    expect(server.connections).toBe(0);
    expect(events.filter(({ type }) => type === "connectionOpened")).toEqual([]);
  });

  test("looks anew for each connection, so that a name cannot turn private later", async () => {
    const { port, requests } = await startTls();
    const names = new Names("127.0.0.1");
    const open = integrate(`https://localhost:${port}`, {
      dns: { lookup: names.lookup },
      tls: { ca: certificate },
    });
    await send(open.api, "plain");
    const closed = integrate(`https://service.example:${port}`, {
      public: true,
      dns: { lookup: names.lookup },
    });

    for (let nth = 0; nth < 3; nth += 1) {
      expect(await failureOf(send(closed.api, "plain"))).toMatchObject({ code: "ADDRESS_REFUSED" });
    }
    expect(names.questions).toBe(4);
    expect(requests).toHaveLength(1);
  });

  test.each([
    "http://127.0.0.1",
    "http://127.1",
    "http://0x7f.1",
    "http://2130706433",
    "http://017700000001",
    "http://0",
    "http://[::]",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[::127.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[2002:7f00:1::]",
    "http://[fd00::1]",
    "http://[fe80::1]",
    "http://169.254.169.254",
    "http://100.64.0.1",
    "http://198.18.0.1",
    "http://192.0.0.192",
    "http://localhost",
    "http://localhost.",
    "http://foo.localhost",
  ])("refuses %s already when it is made", (baseUrl) => {
    expect(() => integrate(baseUrl, { public: true })).toThrow(
      /^public is true, but the host of baseUrl, .*, is not public/,
    );
  });

  test("does not go through a proxy, which would look names up itself", () => {
    expect(() =>
      integrate("https://api.example.com", { public: true, proxy: "http://user:secret@proxy:3128" }),
    ).toThrow(
      /^public is true, but connections go through the proxy proxy:3128, which looks names up itself/,
    );
  });
});

test("the second connection resumes the TLS session of the first, in the same pool", async () => {
  const { port, resumed } = await startTls({ headers: { connection: "close" } });
  const { api } = integrate(`https://localhost:${port}`, { tls: { ca: certificate } });

  for (let nth = 0; nth < 3; nth += 1) await send(api, "plain");

  expect(resumed).toEqual([false, true, true]);
});

test.each([
  [{ public: "yes" }, /^public must be true or false/],
  [{ proxy: 5 }, /^proxy must be "environment"/],
  [{ dns: { ttl: "1s" } }, /^dns\.ttl is not an option/],
  [{ dns: { follow: 5 } }, /^dns\.follow must be a duration/],
  [{ dns: { lookup: "x" } }, /^dns\.lookup must be a function/],
  [{ dns: [] }, /^dns must be a plain object/],
])("%j is refused", (options, message) => {
  expect(() => integrate("https://api.example.com", options as never)).toThrow(message);
});

/** Lets the resolver's answer arrive. */
async function turn(): Promise<void> {
  for (let nth = 0; nth < 3; nth += 1) await new Promise((resolve) => setImmediate(resolve));
}

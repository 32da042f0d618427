import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "@outrigger/core";
import { type FaultKind, seededRandom } from "@outrigger/lab";
import { type Lane, lanes } from "../audit/order-book.ts";
import type { DatabaseKind } from "../database/shop-database.ts";
import { openOperations, type ShopStatus } from "../shop/status.ts";
import type { Stack } from "../stack.ts";
import { type CustomerOrder, type VisitEnd, visit } from "../traffic/customer.ts";
import { openLoop } from "../traffic/open-loop.ts";
import { type Evidence, gatherEvidence } from "./evidence.ts";
import { stormSchedule } from "./schedule.ts";

export interface StormOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Orders per second and lane. */
  readonly perSecond: number;
  readonly onProgress: (progress: StormProgress) => void;
}

export interface StormProgress {
  readonly phase: "storm" | "leaving" | "healing";
  readonly elapsedMs: number;
  readonly sent: number;
  readonly kills: number;
  readonly faults: Readonly<Record<string, FaultKind>>;
  /** Orders of the protected lane whose outcome is not yet known; undefined while the shop is down. */
  readonly pending?: number | undefined;
}

/** Everything a storm leaves behind, before anybody judged it. */
export interface StormRecord {
  readonly database: DatabaseKind;
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: number;
  readonly faultsUsed: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly visits: Readonly<Record<Lane, Readonly<Record<VisitEnd, number>>>>;
  readonly evidence: Evidence;
}

/** Longest wait for the last outcome after the providers healed, in milliseconds. */
const healingMs = 90_000;

/**
 * Drives both lanes at a steady rate while the providers misbehave and the shop is killed, then heals
 * everything and waits until nothing is pending.
 *
 * The same seed gives the same orders, faults, kills and customers' moods; what the machine makes of them differs.
 */
export async function runStorm(stack: Stack, options: StormOptions): Promise<StormRecord> {
  const { durationMs, seed, onProgress } = options;
  const schedule = stormSchedule(
    durationMs,
    stack.providers.map(({ name }) => name),
    seededRandom(seed),
  );
  const startedAtMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedAtMs;
  const until = (atMs: number): Promise<void> => sleep(Math.max(0, atMs - elapsedMs()));
  const crowd = new Crowd(stack.shopUrl, seed);
  const faults: Record<string, FaultKind> = {};
  let kills = 0;
  const report = (phase: StormProgress["phase"], pending?: number): void =>
    onProgress({ phase, elapsedMs: elapsedMs(), sent: crowd.orders.length, kills, faults, pending });

  const stopArrivals = openLoop(options.perSecond, (arrival) => crowd.arrive(arrival));
  const ticking = setInterval(() => report("storm"), 1_000);
  try {
    const faulting = (async () => {
      for (const { atMs, provider, kind } of schedule.faults) {
        await until(atMs);
        faults[provider] = kind;
        await stack.providers.find(({ name }) => name === provider)?.setFault(kind);
      }
    })();
    const killing = (async () => {
      for (const atMs of schedule.killsAtMs) {
        await until(atMs);
        kills += 1;
        await stack.shop.kill();
      }
    })();
    await Promise.all([faulting, killing, until(durationMs)]);
  } finally {
    clearInterval(ticking);
    stopArrivals();
  }

  for (const provider of stack.providers) {
    await provider.setFault("healthy");
    faults[provider.name] = "healthy";
  }
  const leaving = setInterval(() => report("leaving"), 1_000);
  await crowd.gone().finally(() => clearInterval(leaving));
  await quiet(stack, (pending) => report("healing", pending));
  return {
    database: stack.address.kind,
    seed,
    durationMs,
    kills,
    faultsUsed: Object.fromEntries(
      await Promise.all(stack.providers.map(async (each) => [each.name, (await each.fault()).used] as const)),
    ),
    visits: crowd.ends,
    evidence: await gatherEvidence(stack, crowd.orders),
  };
}

/** The storm's customers: who came, and how it ended for them. */
class Crowd {
  readonly orders: CustomerOrder[] = [];
  readonly ends: Record<Lane, Record<VisitEnd, number>> = { bare: noEnds(), outrigger: noEnds() };
  readonly #shopUrl: string;
  readonly #seed: number;
  /** Only arrivals draw from it: what a visit draws depends on the machine. */
  readonly #arrivals: Random;
  readonly #visiting = new Set<Promise<void>>();

  constructor(shopUrl: string, seed: number) {
    this.#shopUrl = shopUrl;
    this.#seed = seed;
    this.#arrivals = seededRandom(seed + 1);
  }

  /** One customer in each lane, both with the same wish. */
  arrive(arrival: number): void {
    const amount = 1_000 + Math.floor(this.#arrivals() * 99_000);
    const method = this.#arrivals() < 0.9 ? "card" : "transfer";
    for (const lane of lanes) {
      const order = { lane, orderId: `${lane}-${this.#seed}-${arrival}`, amount, method } as const;
      this.orders.push(order);
      const visiting = this.#visit(order, arrival).finally(() => this.#visiting.delete(visiting));
      this.#visiting.add(visiting);
    }
  }

  async gone(): Promise<void> {
    await Promise.all(this.#visiting);
  }

  async #visit(order: CustomerOrder, arrival: number): Promise<void> {
    const random = seededRandom(this.#seed * 1_000_003 + arrival);
    const end = await visit(order, { shopUrl: this.#shopUrl, random, signal: untilTheyLeave });
    this.ends[order.lane][end] += 1;
  }
}

/** A storm's customers leave by themselves. */
const untilTheyLeave = new AbortController().signal;

function noEnds(): Record<VisitEnd, number> {
  return { paid: 0, pending: 0, declined: 0, withdrew: 0, gaveUp: 0 };
}

/**
 * Waits until no outcome is open and nothing moves at the providers any more: a charge that arrives late must
 * be in the journal before anybody counts.
 */
async function quiet(stack: Stack, report: (pending: number | undefined) => void): Promise<void> {
  const untilMs = performance.now() + healingMs;
  let before = -1;
  let still = 0;
  while (performance.now() < untilMs && still < 4) {
    await sleep(1_000);
    const pending = await openOutcomes(stack);
    report(pending);
    const lines = (
      await Promise.all(stack.providers.map(async (each) => (await each.journal()).length))
    ).reduce((sum, each) => sum + each);
    still = pending === 0 && lines === before ? still + 1 : 0;
    before = lines;
  }
}

/** Outcomes that either lane still waits for; undefined while the shop is down. */
async function openOutcomes(stack: Stack): Promise<number | undefined> {
  try {
    const response = await fetch(`${stack.shopUrl}/status`, { signal: AbortSignal.timeout(2_000) });
    const status = (await response.json()) as ShopStatus;
    return (
      openOperations(status.ledger) + status.lanes.bare.database.inUse + status.lanes.bare.database.waiting
    );
  } catch {
    return undefined;
  }
}

import type { ConsoleSnapshot, FaultKind, LaneSnapshot } from "@outrigger/console";

/** A plausible five minutes: one provider charges and hangs, the shop is killed, all is healed again. */
export function sampleHistory(options: {
  readonly endAtMs: number;
  readonly snapshots?: number;
}): ConsoleSnapshot[] {
  const total = options.snapshots ?? 600;
  return Array.from({ length: total }, (_, index) =>
    sampleAt(600 - total + index, options.endAtMs - (total - 1 - index) * 500),
  );
}

/** The newest snapshot of {@link sampleHistory}. */
export function sampleSnapshot(atMs: number): ConsoleSnapshot {
  return sampleAt(599, atMs);
}

function sampleAt(index: number, atMs: number): ConsoleSnapshot {
  const up = index < 330 || index > 336;
  const a = faultOfA(index);
  const b: FaultKind = index > 300 && index < 380 ? "slow" : "healthy";
  const bad = a !== "healthy";
  const badSince = index > 430 ? index - 430 : index > 120 ? index - 120 : 0;
  const broken = Math.min(260, Math.max(0, index - 126)) + Math.max(0, index - 436) * 1.2;
  const defects = up ? Math.floor(broken / 9) : Math.floor((330 - 126) / 9);
  const orders = Math.floor(index * 9.6);
  const ripple = (period: number, size: number): number =>
    size * (1 + Math.sin(index / period) * 0.4 + Math.sin(index / 3.1) * 0.15);
  const open = bad && badSince > 20;
  return {
    atMs,
    shop: { up, restarts: index > 336 ? 1 : 0 },
    traffic: { perSecond: 20 },
    lanes: {
      bare: lane({
        orders,
        paid: orders - Math.floor(broken * 2.1),
        unpaid: Math.floor(broken * 2.1) - Math.floor(broken / 5),
        pending: 0,
        rejected: Math.floor(broken / 5),
        chargedTwice: Math.floor(defects * 0.38),
        chargedWithoutOrder: defects - Math.floor(defects * 0.38),
        perSecond: bad ? 7.4 : 19.8,
        p50Ms: bad ? 5_012 : ripple(13, 21),
        p99Ms: bad ? ripple(40, 10_400) : ripple(17, 88),
        p999Ms: bad ? 15_031 : ripple(11, 130),
        database: { connections: 20, inUse: bad ? 20 : 3, waiting: bad ? 37 : 0 },
      }),
      outrigger: lane({
        orders,
        paid: orders - (bad ? 9 : 2) - Math.floor(broken / 4),
        unpaid: Math.floor(broken / 4),
        pending: bad ? 4 + Math.floor(3 * (1 + Math.sin(index / 9))) : 0,
        rejected: Math.floor(broken / 6),
        perSecond: 19.9,
        p50Ms: ripple(13, 24),
        p99Ms: bad && badSince < 24 ? ripple(10, 3_050) : ripple(19, bad ? 210 : 96),
        p999Ms: bad ? 3_120 : ripple(11, 150),
        database: { connections: 20, inUse: 2, waiting: 0 },
      }),
    },
    integrations: [
      {
        name: "pay-a",
        breaker: open
          ? {
              state: "open",
              failures: 14,
              calls: 20,
              reason: "14 of 20 calls failed within 10s (70 %, limit 50 %)",
              retryAfterMs: 8_400,
            }
          : { state: "closed", failures: bad ? 6 : 0, calls: 96, reason: null, retryAfterMs: null },
        concurrency: { limit: 20, inUse: bad ? 11 : 2, rejected: Math.floor(broken / 6) },
        pool: { connections: 20, inUse: bad ? 11 : 2, waiting: 0 },
      },
      {
        name: "pay-b",
        breaker: { state: "closed", failures: 0, calls: 104, reason: null, retryAfterMs: null },
        concurrency: { limit: 100, inUse: bad ? 8 : 0, rejected: 0 },
        pool: { connections: 100, inUse: bad ? 8 : 0, waiting: 0 },
      },
    ],
    providers: [
      { name: "pay-a", fault: a, charges: Math.floor(index * 12.2), cancels: Math.floor(broken / 7) },
      { name: "pay-b", fault: b, charges: Math.floor(broken * 4.1), cancels: Math.floor(broken / 40) },
    ],
  };
}

function faultOfA(index: number): FaultKind {
  if (index < 120) return "healthy";
  if (index < 280) return "applyThenHang";
  if (index < 430) return "healthy";
  return "applyThenHang";
}

function lane(values: Partial<LaneSnapshot> & Pick<LaneSnapshot, "database">): LaneSnapshot {
  return {
    orders: 0,
    paid: 0,
    unpaid: 0,
    pending: 0,
    rejected: 0,
    chargedTwice: 0,
    chargedWithoutOrder: 0,
    orderWithoutCharge: 0,
    perSecond: 0,
    p50Ms: null,
    p99Ms: null,
    p999Ms: null,
    ...values,
  };
}

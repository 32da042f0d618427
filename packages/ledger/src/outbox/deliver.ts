import { Failure } from "@outrigger/core";
import { boundedCall } from "../run/bounded-call.ts";
import { codeOf, messageOf } from "../run/describe.ts";
import { type Engine, marginMs } from "../run/engine.ts";
import { storableText } from "../store/storable-text.ts";
import type { OutboxSettings } from "./options.ts";
import { idOf, type Lane, type OutboxStore, type StoredMessage } from "./outbox-store.ts";

/** What the delivery of one outbox needs. */
export interface Delivery<Tx> {
  readonly engine: Engine<Tx>;
  readonly store: OutboxStore<Tx>;
  readonly settings: OutboxSettings;
}

/** Tries before an age alone may park a key; a restart after a long outage is no reason. */
const triesBeforeParked = 5;

/**
 * Delivers what a key has, one message after the other, until there is nothing left, one fails, or others have to get their
 * turn. Each is marked before the next one is sent.
 */
export async function deliverLane<Tx>(
  of: Delivery<Tx>,
  claimed: Lane,
  claimedAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { engine, store, settings } = of;
  let lane = claimed;
  let leaseEndsAtMs = claimedAtMs + settings.leaseMs;
  const messages = await store.read(lane, lane.done, settings.burst);
  for (const message of messages) {
    // Nothing is sent that could end after the lease: whoever was paused learns here that others may have the key.
    if (signal.aborted || leaseEndsAtMs - engine.clock.now() < settings.leaseMs / 2) break;
    await engine.step("delivery.before");
    const failure = await deliverOne(of, lane, message, leaseEndsAtMs, signal);
    await engine.step("delivery.after");
    if (failure !== undefined) return await afterFailure(of, lane, message, failure.cause);
    const askedAtMs = engine.clock.now();
    const more = await store.done(lane, message.sequence, settings.leaseMs);
    if (more === undefined) return engine.emit({ type: "laneLost", outbox: lane.outbox, key: lane.key });
    engine.emit({
      type: "messageDelivered",
      outbox: lane.outbox,
      key: lane.key,
      id: idOf(lane.key, message.sequence),
    });
    if (!more) return;
    leaseEndsAtMs = askedAtMs + settings.leaseMs;
    lane = { ...lane, done: message.sequence, tries: 0, failingForMs: 0 };
  }
  await store.giveBack(lane);
}

/** @returns what it threw. */
async function deliverOne<Tx>(
  { engine, settings }: Delivery<Tx>,
  lane: Lane,
  message: StoredMessage,
  leaseEndsAtMs: number,
  signal: AbortSignal,
): Promise<{ readonly cause: unknown } | undefined> {
  const margin = marginMs(settings.leaseMs);
  const deadlineAtMs = leaseEndsAtMs - margin;
  const { outbox, key } = lane;
  const whole = {
    outbox,
    key,
    id: idOf(key, message.sequence),
    sequence: Number(message.sequence),
    payload: JSON.parse(message.payload) as unknown,
    sentAt: message.sentAt,
  };
  try {
    const bounds = { clock: engine.clock, deadlineAtMs, graceMs: margin / 2, signal, onLate: () => {} };
    await boundedCall(bounds, (stop) =>
      settings.deliver(whole, {
        get signal() {
          return stop.signal;
        },
        tries: lane.tries + 1,
        deadlineAtMs,
      }),
    );
    return undefined;
  } catch (cause) {
    return { cause };
  }
}

/** It waits, and its key with it; or it is a person's. */
async function afterFailure<Tx>(
  { engine, store, settings }: Delivery<Tx>,
  lane: Lane,
  message: StoredMessage,
  cause: unknown,
): Promise<void> {
  const tries = lane.tries + 1;
  const hopeless = Failure.is(cause) && cause.kind === "refused";
  const parked = hopeless || (tries >= triesBeforeParked && lane.failingForMs >= settings.parkAfterMs);
  const ceilingMs = Math.min(settings.retryMaxMs, settings.retryFirstMs * 2 ** Math.min(30, tries - 1));
  // Half of the wait is jitter: enough to spread workers, and never a wait of nothing.
  const waitMs = parked ? undefined : ceilingMs * (0.5 + engine.random() / 2);
  const code = codeOf(cause);
  const ours = await store.failed(lane, waitMs, { code, message: storableText(messageOf(cause)) });
  const { outbox, key } = lane;
  if (!ours) engine.emit({ type: "laneLost", outbox, key });
  else
    engine.emit({
      type: "deliveryFailed",
      outbox,
      key,
      id: idOf(key, message.sequence),
      code,
      tries,
      parked,
    });
}

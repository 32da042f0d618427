import { setTimeout as sleep } from "node:timers/promises";
import { durationMs, Failure } from "@outrigger/core";
import type { CallInfo, Capabilities, Inquiry, ProviderDefinition } from "@outrigger/ledger";
import { consistencyDelay, type Declared } from "../matrix/definitions.ts";
import type { WeaknessName } from "../matrix/weaknesses.ts";

export interface Order {
  readonly id: string;
}

export interface Payment {
  readonly charge: string;
}

/** What all of an operation's providers are reached by. */
export interface Way {
  readonly url: string;
  readonly declared: Declared;
  readonly weakness: WeaknessName | undefined;
  /** Called right before a charge is sent. */
  readonly sending: () => Promise<void>;
}

/** A provider's functions over HTTP, with the effect stated for every way in which a call can end. */
export function providerThrough(way: Way, name: string): ProviderDefinition<Order, Payment> {
  const { declared, weakness } = way;
  return {
    call: (order, info) => charge(way, name, order, info),
    ...(declared.inquires && { inquire: (order: Order, info: CallInfo) => inquire(way, name, order, info) }),
    ...(declared.cancels !== "never" && {
      cancel: (order: Order, info: CallInfo) => cancel(way, name, order, info),
    }),
    capabilities: capabilitiesOf(declared, weakness),
  };
}

function capabilitiesOf(declared: Declared, weakness: WeaknessName | undefined): Capabilities {
  const { keyed, inquires, cancels, maxInFlight } = declared;
  const blocksLateOriginal = cancels === "blocksLate" || weakness === "cancel-believed-to-block";
  return {
    ...(keyed && { idempotencyKey: { window: "1d" } }),
    ...(inquires && { inquiry: { consistencyDelay } }),
    ...(cancels !== "never" && { cancel: { blocksLateOriginal } }),
    ...(maxInFlight !== undefined && { maxInFlight }),
  };
}

export async function charge(way: Way, provider: string, order: Order, info: Sent): Promise<Payment> {
  const key = way.weakness === "new-key-each-send" ? `${info.key}.${info.attempt}` : info.key;
  await way.sending();
  // A request whose caller has gone is the hardest to undo, so the signal is not listened to; unless what is promised
  // rests on a longest time in flight, which no request has that leaves when its time is over.
  const heeds = way.declared.maxInFlight !== undefined && way.weakness !== "signal-not-heard";
  if (heeds) await timersOfTheWoken();
  const response = await post(way, `${provider}/charge`, order, key, heeds ? info.signal : undefined);
  if (response.status === 200) return (await response.json()) as Payment;
  const { code } = (await response.json()) as { readonly code: string };
  if (response.status === 402) throw new Failure("declined", { code, effect: "none", kind: "refused" });
  if (response.status === 503) throw new Failure("busy", { code, effect: "none" });
  throw new Failure(`answered ${response.status}`, { code, effect: "unknown" });
}

/** What of a call's information a charge is made of. */
interface Sent {
  readonly key: string;
  readonly attempt: number;
  readonly signal?: AbortSignal;
}

/** A process that wakes may read what it was sent before it looks at its clock. */
const timersOfTheWoken = (): Promise<void> => sleep(5);

async function inquire(way: Way, provider: string, order: Order, info: CallInfo): Promise<Inquiry<Payment>> {
  const url = `${way.url}/${provider}/inquire?${query(order, info.key)}`;
  const response = await fetch(url, { signal: info.signal });
  const body = (await response.json()) as { readonly charge: string; readonly state: string };
  if (response.status === 404) {
    return { status: way.weakness === "not-found-is-failed" ? "refused" : "notFound" };
  }
  if (response.status !== 200) throw new Failure("no answer", { code: "DOWN", effect: "none" });
  if (body.state === "charged") return { status: "found", result: { charge: body.charge } };
  return { status: "refused", code: body.state.toUpperCase() };
}

async function cancel(way: Way, provider: string, order: Order, info: CallInfo): Promise<void> {
  const response = await post(way, `${provider}/cancel`, order, info.key, info.signal);
  await response.arrayBuffer();
  if (response.status === 409) {
    throw new Failure("it is settled already", { code: "SETTLED", effect: "none", kind: "refused" });
  }
  if (response.status !== 200) throw new Error(`the cancel was answered with ${response.status}`);
}

async function post(
  way: Way,
  path: string,
  order: Order,
  key: string,
  signal?: AbortSignal,
): Promise<Response> {
  const { maxInFlight } = way.declared;
  // What is declared is true here, however slow this machine is: the provider does nothing of a request that is older.
  const until =
    maxInFlight === undefined ? "" : `&until=${Date.now() + durationMs("maxInFlight", maxInFlight)}`;
  try {
    return await fetch(`${way.url}/${path}?${query(order, key)}${until}`, {
      method: "POST",
      ...(signal !== undefined && { signal }),
    });
  } catch (cause) {
    const effect = way.weakness === "timeout-is-no-effect" ? "none" : "unknown";
    throw new Failure("no answer", { code: "NO_ANSWER", effect, cause });
  }
}

const query = (order: Order, key: string): string => new URLSearchParams({ order: order.id, key }).toString();

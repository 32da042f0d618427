import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { FaultKind, ProviderSnapshot } from "../../index.ts";
import { messages } from "../i18n/language.ts";
import { explanationOf } from "./explanation.ts";
import { current } from "./feed.ts";

/** What the user asked for and the server has not yet answered, by address. */
const waiting: Signal<ReadonlyMap<string, unknown>> = signal(new Map());

/** The last thing that did not work, in words; undefined once dismissed or once something else is tried. */
export const complaint: Signal<string | undefined> = signal(undefined);

const faultAddress = (provider: string): string => `/api/providers/${encodeURIComponent(provider)}/fault`;
const trafficAddress = "/api/traffic";
const killAddress = "/api/shop/kill";

export const pendingTraffic: ReadonlySignal<number | undefined> = computed(
  () => waiting.value.get(trafficAddress) as number | undefined,
);
export const killing: ReadonlySignal<boolean> = computed(() => waiting.value.has(killAddress));
export const pendingFault = (provider: string): FaultKind | undefined =>
  waiting.value.get(faultAddress(provider)) as FaultKind | undefined;

export async function setFault(provider: string, kind: FaultKind): Promise<void> {
  complaint.value = undefined;
  await putFault(provider, kind);
}

export async function setTraffic(perSecond: number): Promise<void> {
  complaint.value = undefined;
  await send("PUT", trafficAddress, perSecond, { perSecond }, messages.value.errors.traffic);
}

export async function killShop(): Promise<void> {
  complaint.value = undefined;
  await send("POST", killAddress, true, undefined, messages.value.errors.kill);
}

export async function healAll(providers: readonly ProviderSnapshot[]): Promise<void> {
  complaint.value = undefined;
  const ill = providers.filter(({ fault }) => fault !== "healthy");
  await Promise.all(ill.map(({ name }) => putFault(name, "healthy")));
}

async function putFault(provider: string, kind: FaultKind): Promise<void> {
  const { errors, faults } = messages.value;
  await send("PUT", faultAddress(provider), kind, { kind }, errors.fault(provider, faults[kind].name));
}

/** A server that hangs must not leave the buttons disabled for ever. */
const answerWithinMs = 10_000;

async function send(
  method: "PUT" | "POST",
  address: string,
  wish: unknown,
  body: object | undefined,
  failed: string,
): Promise<void> {
  if (waiting.value.has(address)) return;
  waiting.value = new Map(waiting.value).set(address, wish);
  try {
    const response = await fetch(address, {
      method,
      // The header cannot be sent by a form of another site, so the server can tell our page from a forgery.
      headers: { "x-outrigger-console": "1", "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    if (response.ok) await shown(address, wish);
    else complaint.value = `${failed} ${await explanationOf(response)}`;
  } catch {
    complaint.value = `${failed} ${messages.value.errors.noAnswer}`;
  } finally {
    const rest = new Map(waiting.value);
    rest.delete(address);
    waiting.value = rest;
  }
}

/** Snapshots lag behind the answer by up to their period, and a button must not flip back in between. */
const lagMs = 2_000;

async function shown(address: string, wish: unknown): Promise<void> {
  if (address === killAddress) return;
  const matches = (): boolean => {
    const snapshot = current.value;
    if (snapshot === undefined) return true;
    if (address === trafficAddress) return snapshot.traffic.perSecond === wish;
    const provider = snapshot.providers.find(({ name }) => faultAddress(name) === address);
    return provider === undefined || provider.fault === wish;
  };
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(done, lagMs);
    const stop = current.subscribe(() => {
      if (matches()) queueMicrotask(done);
    });
  });
}

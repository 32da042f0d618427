import { batch, type Signal, signal } from "@preact/signals";
import type { ConsoleSnapshot } from "../../index.ts";
import { appended, maxSnapshots } from "./history.ts";
import { isHistory, isSnapshot } from "./snapshot-shape.ts";

export const snapshots: Signal<readonly ConsoleSnapshot[]> = signal([]);
export const current: Signal<ConsoleSnapshot | undefined> = signal(undefined);
export const connection: Signal<"connecting" | "live" | "lost"> = signal("connecting");
export const unreadable: Signal<boolean> = signal(false);

/** Ten snapshots are missing: the connection is dead although nobody has said so. */
const silenceMs = 5_000;
const retryMs = 1_000;

/** Follows `/events` for as long as the page is open. */
export function follow(): void {
  let source = open();
  let heardAtMs = Date.now();

  // EventSource tries again by itself only after a broken connection, not after an answer such as 502, and it
  // never notices a connection that went silent. One check per second covers both.
  setInterval(() => {
    const silent = Date.now() - heardAtMs > silenceMs;
    if (source.readyState !== EventSource.CLOSED && !silent) return;
    source.close();
    connection.value = "lost";
    source = open();
    heardAtMs = Date.now();
  }, retryMs);

  function open(): EventSource {
    const opened = new EventSource("/events");
    opened.onerror = () => {
      connection.value = "lost";
    };
    opened.addEventListener("history", (event) => {
      heardAtMs = Date.now();
      receive(event.data, isHistory, (history) => {
        snapshots.value = history.slice(-maxSnapshots);
        current.value = history.at(-1) ?? current.peek();
      });
    });
    opened.onmessage = (event) => {
      heardAtMs = Date.now();
      receive(event.data, isSnapshot, (snapshot) => {
        snapshots.value = appended(snapshots.peek(), snapshot);
        current.value = snapshot;
      });
    };
    return opened;
  }
}

function receive<T>(data: unknown, test: (value: unknown) => value is T, accept: (value: T) => void): void {
  const value = parsed(data);
  batch(() => {
    connection.value = "live";
    unreadable.value = !test(value);
    if (test(value)) accept(value);
  });
}

function parsed(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}

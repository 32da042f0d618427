import { Failure } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { boundedCall } from "./bounded-call.ts";

function start(
  work: (signal: AbortSignal) => Promise<string>,
  signal?: AbortSignal,
  clock: VirtualClock = new VirtualClock(),
) {
  const seen = { outcome: "waiting" as unknown, late: 0 };
  boundedCall({ clock, deadlineAtMs: 1_000, graceMs: 100, signal, onLate: () => seen.late++ }, (stop) =>
    work(stop.signal),
  ).then(
    (value) => {
      seen.outcome = value;
    },
    (error: unknown) => {
      seen.outcome = error;
    },
  );
  return { clock, seen };
}

test("work that answers in time comes through, and leaves nothing armed", async () => {
  const { clock, seen } = start(async () => "done");
  await clock.advance(0);
  expect(seen.outcome).toBe("done");
  expect(clock.pending).toBe(0);
});

test("work that ignores its signal is left at the end of the grace, with an unknown effect", async () => {
  let finish = (_: string): void => {};
  const { clock, seen } = start(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  await clock.advance(1_099);
  expect(seen.outcome).toBe("waiting");
  await clock.advance(1);
  expect(seen.outcome).toMatchObject({ code: "CALL_TIMEOUT", effect: "unknown" });
  expect([clock.pending, seen.late]).toEqual([0, 0]);
  finish("too late");
  await clock.advance(0);
  expect(seen.late).toBe(1);
});

test("work whose time has run out before it begins is told so before it does anything", async () => {
  const clock = new VirtualClock();
  // A process that was stopped meanwhile.
  await clock.advance(1_000);
  const heeding = async (signal: AbortSignal): Promise<string> => {
    signal.throwIfAborted();
    return "sent";
  };
  const { seen } = start(heeding, undefined, clock);
  await clock.advance(0);
  expect(seen.outcome).toMatchObject({ code: "CALL_TIMEOUT", effect: "unknown" });
  expect(clock.pending).toBe(0);
});

test("work that heeds its signal says itself what it reached", async () => {
  const { clock, seen } = start(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () =>
          reject(new Failure("still in the queue", { code: "QUEUED", effect: "none" })),
        );
      }),
  );
  await clock.advance(1_000);
  expect(seen.outcome).toMatchObject({ code: "QUEUED", effect: "none" });
  expect(clock.pending).toBe(0);
});

test("a caller who leaves ends the work, and its listener is taken away", async () => {
  const caller = new AbortController();
  const { clock, seen } = start(() => new Promise(() => {}), caller.signal);
  caller.abort("gone");
  await clock.advance(100);
  expect(seen.outcome).toMatchObject({ code: "CALL_ABORTED", effect: "unknown", kind: "aborted" });
  expect(clock.pending).toBe(0);
});

test("work that throws before its first await is a rejection like any other", async () => {
  const { clock, seen } = start(() => {
    throw new TypeError("oops");
  });
  await clock.advance(0);
  expect(seen.outcome).toBeInstanceOf(TypeError);
});

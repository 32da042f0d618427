import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { type HostTimer, TimerWheel, type WheelHost, WheelTimer } from "./timer-wheel.ts";

/** A machine with one timer, which stands still until it is told to go on. */
class Machine implements WheelHost {
  nowMs = 0;
  armed: { dueAtMs: number; callback: () => void; referenced: boolean } | undefined;
  /** Timers set so far. */
  set = 0;

  now(): number {
    return this.nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): HostTimer {
    expect(this.armed).toBeUndefined();
    expect(Number.isInteger(delayMs) && delayMs >= 1 && delayMs <= 2_147_483_647).toBe(true);
    const armed = { dueAtMs: this.nowMs + delayMs, callback, referenced: true };
    this.armed = armed;
    this.set += 1;
    const refer = (referenced: boolean): void => {
      armed.referenced = referenced;
    };
    return { ref: () => refer(true), unref: () => refer(false) };
  }

  clearTimeout(): void {
    this.armed = undefined;
  }

  afterTurn(callback: () => void): void {
    callback();
  }

  /** Time passes while the event loop is held; what is due then runs late, and once. */
  late(ms: number): void {
    this.nowMs += ms;
    this.advance(0);
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.armed !== undefined && this.armed.dueAtMs <= untilMs) {
      const { dueAtMs, callback } = this.armed;
      this.armed = undefined;
      this.nowMs = Math.max(this.nowMs, dueAtMs);
      callback();
    }
    this.nowMs = untilMs;
  }
}

function arm(wheel: TimerWheel, nowMs: number, delayMs: number, callback: () => void): WheelTimer {
  const timer = new WheelTimer(callback);
  wheel.arm(nowMs, delayMs, timer);
  return timer;
}

const delays = fc.oneof(
  fc.constantFrom(0, 0.4, 1, 1.5, 4_095, 4_096, 4_097, 8_192, 4_194_304, 4_194_305, 60 * 86_400_000),
  fc.double({ min: 0, max: 10_000, noNaN: true }),
  fc.integer({ min: 0, max: 20_000_000 }),
);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("arm" as const), delayMs: delays }),
    fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
    fc.record({ kind: fc.constant("advance" as const), ms: delays }),
  ),
  { maxLength: 60 },
);

test("whatever is armed and cancelled, each timer fires once, within two milliseconds after its time and in order, by one timer of the machine", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 0.3, 2 ** 31 - 50, 1e12), (script, startMs) => {
      const machine = new Machine();
      machine.nowMs = startMs;
      const wheel = new TimerWheel(machine);
      const waiting = new Map<WheelTimer, number>();
      let lastDueAtMs = 0;
      for (const step of script) {
        if (step.kind === "arm") {
          const dueAtMs = machine.nowMs + step.delayMs;
          const timer = arm(wheel, machine.nowMs, step.delayMs, () => {
            expect(waiting.delete(timer)).toBe(true);
            expect(machine.nowMs).toBeGreaterThanOrEqual(dueAtMs);
            expect(machine.nowMs).toBeLessThan(dueAtMs + 2.001);
            expect(Math.ceil(dueAtMs)).toBeGreaterThanOrEqual(Math.ceil(lastDueAtMs) - 1);
            lastDueAtMs = dueAtMs;
          });
          waiting.set(timer, dueAtMs);
        } else if (step.kind === "cancel") {
          const timer = [...waiting.keys()][step.which % Math.max(1, waiting.size)];
          timer?.cancel();
          timer?.cancel();
          if (timer !== undefined) waiting.delete(timer);
        } else {
          machine.advance(step.ms);
          for (const dueAtMs of waiting.values()) expect(dueAtMs + 2.001).toBeGreaterThan(machine.nowMs);
        }
        expect(wheel.pending).toBe(waiting.size);
        expect(machine.armed?.referenced ?? false).toBe(waiting.size > 0);
      }
      machine.advance(61 * 86_400_000);
      expect([wheel.pending, waiting.size, machine.armed]).toEqual([0, 0, undefined]);
    }),
    { numRuns: 1_000 },
  );
});

test("timers that are armed and cancelled over and over need a timer of the machine once per their length", () => {
  const machine = new Machine();
  const wheel = new TimerWheel(machine);
  for (let call = 0; call < 10_000; call += 1) {
    const timer = arm(wheel, machine.nowMs, 1_000, () => {});
    machine.advance(1);
    timer.cancel();
  }
  expect(machine.set).toBeLessThanOrEqual(11);
});

test("a timer that throws is an uncaught error, and those after it fire", async () => {
  const machine = new Machine();
  const wheel = new TimerWheel(machine);
  const seen: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => seen.push(error.message));
  arm(wheel, 0, 1, () => {
    throw new Error("thrown");
  });
  arm(wheel, 0, 1, () => seen.push("second"));
  machine.advance(1);
  await new Promise((resolve) => setImmediate(resolve));
  for (const listener of others) process.on("uncaughtException", listener);
  expect(seen).toEqual(["second", "thrown"]);
});

test("a timer armed by a timer fires in its turn", () => {
  const machine = new Machine();
  const wheel = new TimerWheel(machine);
  const seen: number[] = [];
  arm(wheel, 0, 5, () => {
    arm(wheel, machine.nowMs, 0, () => seen.push(machine.nowMs));
    arm(wheel, machine.nowMs, 5_000, () => seen.push(machine.nowMs));
  });
  machine.advance(10_000);
  expect(seen).toEqual([6, 5_005]);
});

test("a timeout of 200 ms fires after 200 and before 260 ms, also among a hundred thousand others", async () => {
  const others = Array.from({ length: 100_000 }, (_, index) =>
    systemClock.setTimer(30_000 + index, () => {}),
  );
  const timeouts = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  expect(timeouts).toBeLessThanOrEqual(2);
  const startMs = performance.now();
  await new Promise<void>((resolve) => systemClock.setTimer(200, resolve));
  const tookMs = performance.now() - startMs;
  for (const other of others) other.cancel();
  expect(tookMs).toBeGreaterThanOrEqual(200);
  expect(tookMs).toBeLessThan(260);
});

test("a timer shows no call's async store, whoever armed the machine's timer", async () => {
  const store = new AsyncLocalStorage<string>();
  let seen: string | undefined = "nothing";
  await new Promise<void>((resolve) =>
    store.run("a call", () =>
      systemClock.setTimer(1, () => {
        seen = store.getStore();
        resolve();
      }),
    ),
  );
  expect(seen).toBeUndefined();
});

test.each([
  ["a timer that waits keeps the process alive until it fired", "", "fired"],
  ["a process whose timers are cancelled ends at once", "timer.cancel();", ""],
])("%s", (_, then, printed) => {
  const clock = new URL("./clock.ts", import.meta.url).href;
  const script = `
    import { systemClock } from ${JSON.stringify(clock)};
    const timer = systemClock.setTimer(${then === "" ? 50 : 600_000}, () => console.log("fired"));
    ${then}`;
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    timeout: 30_000,
    encoding: "utf8",
  });
  expect([stdout.trim(), status]).toEqual([printed, 0]);
});

test("a callback that arms another timer while the machine is late does not put off those that are due after it", () => {
  const machine = new Machine();
  const wheel = new TimerWheel(machine);
  const fired: string[] = [];
  arm(wheel, 0, 1, () => {
    fired.push("first");
    arm(wheel, machine.now(), 10, () => fired.push("armed by the first"));
  });
  arm(wheel, 0, 3, () => fired.push("second"));
  arm(wheel, 0, 5, () => fired.push("third"));
  // The event loop was held until now: all three are due when the machine's timer runs.
  machine.late(6);
  expect(fired).toEqual(["first", "second", "third"]);
  machine.advance(20);
  expect(fired.at(-1)).toBe("armed by the first");
  expect(wheel.pending).toBe(0);
});

test("however late the machine is and whatever callbacks arm, nothing waits longer than the machine is late", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ delayMs: fc.nat(40), thenMs: fc.option(fc.nat(40), { nil: undefined }) }), {
        minLength: 1,
        maxLength: 20,
      }),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }),
      (timers, lateness) => {
        const machine = new Machine();
        const wheel = new TimerWheel(machine);
        const due: number[] = [];
        const armThen = (delayMs: number, thenMs: number | undefined): void => {
          const dueAtMs = machine.now() + delayMs;
          due.push(dueAtMs);
          arm(wheel, machine.now(), delayMs, () => {
            due.splice(due.indexOf(dueAtMs), 1);
            if (thenMs !== undefined) armThen(thenMs, undefined);
          });
        };
        for (const { delayMs, thenMs } of timers) armThen(delayMs, thenMs);
        for (const ms of lateness) {
          machine.late(ms);
          expect(Math.min(...due)).toBeGreaterThan(machine.now() - 1);
        }
        machine.advance(200);
        expect([due, wheel.pending]).toEqual([[], 0]);
      },
    ),
  );
});

test.each([4_095, 4_096, 4_097, 8_192])("a timer of %i ms that a callback arms is not early", (delayMs) => {
  const machine = new Machine();
  const wheel = new TimerWheel(machine);
  let firedAtMs: number | undefined;
  arm(wheel, 0, 1, () => {
    arm(wheel, machine.now(), delayMs, () => {
      firedAtMs = machine.now();
    });
  });
  machine.advance(delayMs);
  expect(firedAtMs).toBeUndefined();
  machine.advance(2);
  expect(firedAtMs).toBe(1 + delayMs);
});

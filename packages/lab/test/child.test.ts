import { exitWithParent, startChild } from "@outrigger/lab";
import { expect, test, vi } from "vitest";
import { processInfo } from "../src/server/process-info.ts";
import { until } from "./client.ts";

vi.setConfig({ testTimeout: 30_000 });

const file = new URL("fixtures/child.ts", import.meta.url);

test("a child says what it has to say when it is ready, and ends in order when it is stopped", async () => {
  const lines: string[] = [];
  const child = await startChild<{ text: string; env: string }>({
    file,
    args: ["greets", "world"],
    env: { ...process.env, LAB_CHILD: "yes" },
    onLine: (line) => lines.push(line),
  });
  expect(child.ready).toEqual({ text: "world", env: "yes" });
  expect(processInfo(child.pid)?.parentPid).toBe(process.pid);
  const [first, second] = await Promise.all([child.stop(), child.stop()]);
  expect([first, second, await child.exited]).toEqual(Array(3).fill({ code: 0, signal: null }));
  expect(lines).toEqual(["hello world", "stopping"]);
  expect(processInfo(child.pid)).toBeUndefined();
  expect(await child.kill()).toEqual({ code: 0, signal: null });
});

test("SIGTERM ends a child in order, too", async () => {
  const lines: string[] = [];
  const child = await startChild({ file, args: ["greets"], onLine: (line) => lines.push(line) });
  process.kill(child.pid, "SIGTERM");
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(lines.at(-1)).toBe("stopping");
});

test("a child that ends before it is ready fails the start with its last lines", async () => {
  const start = startChild({ file, args: ["fails"], onLine: () => {} });
  await expect(start).rejects.toThrow(
    /ended \(code 1\) before it was ready\nlooking for the answer\n[\s\S]*no answer/,
  );
});

test("a file that does not exist fails the start", async () => {
  const start = startChild({ file: new URL("fixtures/nothing.ts", import.meta.url), onLine: () => {} });
  await expect(start).rejects.toThrow(/before it was ready[\s\S]*Cannot find module/);
});

test("a child that stays silent is ended, and fails the start", async () => {
  const start = startChild({ file, args: ["silent"], readyWithin: "1s", onLine: () => {} });
  await expect(start).rejects.toThrow("was not ready within 1000 ms");
});

test("a child that does not stop within its grace is killed", async () => {
  const child = await startChild({ file, args: ["stubborn"] });
  expect(await child.stop("100ms")).toEqual({ code: null, signal: "SIGKILL" });
});

test("a child whose own ending takes too long gives it up, and says so with code 1", async () => {
  const lines: string[] = [];
  const child = await startChild({ file, args: ["late"], onLine: (line) => lines.push(line) });
  expect(await child.stop("20s")).toEqual({ code: 1, signal: null });
  expect(lines).toEqual([`pid ${child.pid} did not stop within 50ms`]);
});

test("times are durations with a unit, and a wrong option names itself", async () => {
  const start = (options: object) => startChild({ file, args: ["greets"], ...options });
  await expect(start({ readyWithin: 5 })).rejects.toThrow("startChild.readyWithin must be a duration");
  await expect(start({ stopWithinMs: 5 })).rejects.toThrow('did you mean "stopWithin"?');
  expect(() => exitWithParent({ within: 5 as never })).toThrow("exitWithParent.within must be a duration");
});

test("a killed child runs no line more", async () => {
  const lines: string[] = [];
  const child = await startChild({ file, args: ["greets"], onLine: (line) => lines.push(line) });
  expect(await child.kill()).toEqual({ code: null, signal: "SIGKILL" });
  expect(lines).not.toContain("stopping");
  await until("it is gone", () => processInfo(child.pid) === undefined);
});

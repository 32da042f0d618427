import { expect, test } from "vitest";
import { EventStream, isolated } from "./events.ts";

interface Ping {
  readonly type: "ping";
  readonly value: number;
}
const ping = (value: number): Ping => ({ type: "ping", value });

test("every listener hears every event until it leaves, and leaving twice does nothing", () => {
  const stream = new EventStream<Ping>();
  const heard: string[] = [];
  const leaveA = stream.subscribe(({ value }) => heard.push(`a${value}`));
  stream.subscribe(({ value }) => heard.push(`b${value}`));
  stream.emit(ping(1));
  leaveA();
  leaveA();
  stream.emit(ping(2));
  expect(heard).toEqual(["a1", "b1", "b2"]);
});

test("a listener that throws, at once or later, changes nothing for the others", async () => {
  const stream = new EventStream<Ping>();
  const heard: number[] = [];
  stream.subscribe(() => {
    throw new Error("at once");
  });
  // An unhandled rejection would fail the test run.
  stream.subscribe(async () => {
    throw new Error("later");
  });
  stream.subscribe(({ value }) => heard.push(value));
  expect(() => stream.emit(ping(1))).not.toThrow();
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([1]);
});

test("an isolated listener can be called like the original, and never throws", () => {
  const heard: number[] = [];
  const listener = isolated<Ping>(({ value }) => {
    heard.push(value);
    throw new Error("no");
  });
  expect(listener(ping(3))).toBeUndefined();
  expect(heard).toEqual([3]);
});

test("emit can be handed on by itself", () => {
  const stream = new EventStream<Ping>();
  const heard: number[] = [];
  stream.subscribe(({ value }) => heard.push(value));
  const { emit } = stream;
  emit(ping(4));
  expect(heard).toEqual([4]);
});

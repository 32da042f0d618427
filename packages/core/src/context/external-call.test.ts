import { afterEach, expect, test } from "vitest";
import { type ExternalCallWatch, externalCallWatch, watchExternalCalls } from "./external-call.ts";

const call = { service: "payments", operation: "charge", peer: "api.example.com:443" };
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

function watch(each: ExternalCallWatch): () => void {
  const end = watchExternalCalls(each);
  endings.push(end);
  return end;
}

test("where nobody watches there is nothing to call", () => {
  expect(externalCallWatch()).toBeUndefined();
  watch((_, work) => work())();
  expect(externalCallWatch()).toBeUndefined();
});

test("several watches stand around a call, the first outermost, and each can be ended alone", async () => {
  const heard: string[] = [];
  const saying =
    (name: string): ExternalCallWatch =>
    (each, work) => {
      heard.push(`${name} ${each.operation}`);
      return work();
    };
  const endFirst = watch(saying("first"));
  watch(saying("second"));
  expect(await externalCallWatch()?.(call, async () => "answer")).toBe("answer");
  endFirst();
  endFirst();
  await externalCallWatch()?.(call, async () => "answer");
  expect(heard).toEqual(["first charge", "second charge", "second charge"]);
});

test("what a watch throws keeps the call from leaving", () => {
  let left = false;
  watch(() => {
    throw new Error("not here");
  });
  expect(() =>
    externalCallWatch()?.(call, async () => {
      left = true;
    }),
  ).toThrow("not here");
  expect(left).toBe(false);
});

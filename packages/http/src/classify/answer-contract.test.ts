import { describe, expect, test } from "vitest";
import { type AnswerLists, codeInBody, parseAnswerRules } from "./answer-contract.ts";
import { verdictOfAnswer } from "./status.ts";

const lists: AnswerLists = {
  refusals: [402, "CARD_DECLINED"],
  notApplied: [503, "BUSY"],
  uncertain: [500, "PROVIDER_ERROR"],
  errorCode: "error.code",
};
const write = { readOnly: false, keyed: true, ...parseAnswerRules("x", lists, {}) };
const read = { ...write, readOnly: true };

describe("an answer", () => {
  const refused = { effect: "none", kind: "refused", transient: false };
  const notApplied = { effect: "none", kind: "failed", transient: true };
  const open = { effect: "unknown", kind: "failed", transient: true };
  const unlisted = { effect: "unknown", kind: "refused", transient: false };

  test.each([
    [402, undefined, refused],
    [400, "CARD_DECLINED", refused],
    [500, "CARD_DECLINED", refused],
    [400, "BUSY", notApplied],
    [503, undefined, notApplied],
    [400, "PROVIDER_ERROR", open],
    // A code says more than a status.
    [402, "PROVIDER_ERROR", open],
    [503, "PROVIDER_ERROR", open],
    [500, undefined, open],
    [400, "OTHER", unlisted],
    [402, "OTHER", refused],
    [200, "CARD_DECLINED", undefined],
  ])("of %i with the code %s is judged by the lists", (status, code, verdict) => {
    expect(verdictOfAnswer(status, write, code)).toEqual(verdict);
  });

  test("to a read has no effect, and is repeated where the lists say so", () => {
    expect(verdictOfAnswer(400, read, "PROVIDER_ERROR")).toEqual({ ...open, effect: "none" });
    expect(verdictOfAnswer(400, read, "CARD_DECLINED")).toEqual(refused);
  });

  test.each([
    ["0000", undefined],
    ["CARD_DECLINED", refused],
    ["PROVIDER_ERROR", open],
    ["OTHER", unlisted],
    [undefined, { ...open, transient: false }],
  ])(
    "of 200 with the code %s is a success only with a success code, where there are some",
    (code, verdict) => {
      expect(verdictOfAnswer(200, { ...write, successCodes: new Set(["0000"]) }, code)).toEqual(verdict);
    },
  );
});

describe("the code in a body", () => {
  test.each([
    ['{"error":{"code":"A"}}', "A"],
    ['{"error":{"code":-780}}', "-780"],
    ['{"error":{"code":null}}', undefined],
    ['{"error":{"code":{"a":1}}}', undefined],
    ['{"error":"code"}', undefined],
    ['{"error":null}', undefined],
    ['["error"]', undefined],
    ["<html>", undefined],
    ["", undefined],
    ['{"__proto__":{"code":"A"}}', undefined],
  ])("%s is %s", (body, code) => {
    expect(codeInBody(Buffer.from(body), ["error", "code"])).toBe(code);
  });

  test("is not looked for on prototypes", () => {
    expect(codeInBody(Buffer.from('{"a":"x"}'), ["constructor", "name"])).toBeUndefined();
  });
});

describe("the lists of an operation", () => {
  test("stand on those of the integration, and are right where both name an answer", () => {
    const { statuses, codes, codeAt } = parseAnswerRules(
      "x",
      { refusals: [503, "BUSY"], errorCode: "code" },
      lists,
    );
    expect([...statuses]).toEqual([
      [402, "refusals"],
      [503, "refusals"],
      [500, "uncertain"],
    ]);
    expect([...codes]).toEqual([
      ["CARD_DECLINED", "refusals"],
      ["BUSY", "refusals"],
      ["PROVIDER_ERROR", "uncertain"],
    ]);
    expect(codeAt).toEqual(["code"]);
  });

  test("leave the body unread where no code is listed", () => {
    expect(parseAnswerRules("x", { errorCode: "code", refusals: [402] }, {}).codeAt).toBeUndefined();
  });

  test.each<readonly [AnswerLists, RegExp]>([
    [{ refusals: ["A"] }, /^x\.errorCode must say where a body holds its code/],
    [{ successCodes: ["0000"] }, /^x\.errorCode must say where a body holds its code/],
    [{ refusals: [402], notApplied: [402] }, /^x\.notApplied and refusals both hold 402/],
    [{ refusals: ["A"], uncertain: ["A"] }, /^x\.uncertain and refusals both hold "A"/],
    [{ refusals: ["A"], successCodes: ["A"], errorCode: "c" }, /^x\.successCodes and refusals both hold "A"/],
    [{ refusals: [200] }, /^x\.refusals\[0\] must be a whole number, between 300 and 599; got 200/],
    [{ refusals: 402 as never }, /^x\.refusals must be an array of statuses and codes/],
    [{ uncertain: ["a b"] }, /^x\.uncertain\[0\] must be a code/],
    [{ uncertain: [""] }, /^x\.uncertain\[0\] must be a code/],
    [{ errorCode: "" }, /^x\.errorCode must name a field/],
    [{ errorCode: "a..b" }, /^x\.errorCode must name a field/],
    [{ successCodes: [] }, /^x\.successCodes must be an array of codes/],
    [{ successCodes: [7 as never] }, /^x\.successCodes\[0\] must be a code/],
  ])("%o are refused", (own, message) => {
    expect(() => parseAnswerRules("x", own, {})).toThrow(message);
  });
});

import { Failure } from "@outrigger/core";
import { httpIntegration } from "@outrigger/http";
import { expect, onTestFinished, test } from "vitest";
import { inTurn, localProvider, type Told } from "../recipes/local-provider.ts";
import { answerTo, shop } from "./error-mapping.ts";

test("a shop answers what its provider does to it, and nothing of the inside", async () => {
  const answers = inTurn<Told>(
    { json: { chargeId: "c-1" } },
    { status: 402 },
    { status: 429 },
    { lost: true },
  );
  const provider = await localProvider(answers);
  const payments = httpIntegration({
    name: "payments",
    baseUrl: provider.url,
    retry: false,
    operations: { charge: { method: "POST", path: "/v1/charges", refusals: [402] } },
  });
  const app = shop(payments);
  onTestFinished(async () => {
    await app.close();
    await payments.close({ within: "0ms" });
  });
  const told = [];
  for (const orderId of ["o-1", "o-2", "o-3", "o-4"]) {
    const { statusCode, headers, payload } = await app.inject({
      method: "POST",
      url: "/checkout",
      payload: { orderId },
    });
    told.push([statusCode, headers.location, JSON.parse(payload).effect]);
    expect(payload).not.toMatch(/127\.0\.0\.1|charges|HTTP_/);
  }
  expect(told).toEqual([
    [200, undefined, undefined],
    [402, undefined, "none"],
    [502, undefined, "none"],
    [202, "/orders/o-4", "unknown"],
  ]);
});

test("any other framework takes the pure function's answer", async () => {
  const full = new Failure("100 of 100 slots are taken", {
    code: "LIMIT_REACHED",
    effect: "none",
    kind: "rejected",
  });
  const response = answerTo(full);
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "2"]);
  expect(await response.json()).toEqual({
    type: "about:blank",
    title: "Temporarily unavailable",
    status: 503,
    detail: "Nothing was changed.",
    effect: "none",
  });
  const strange = new Error("not ours") as unknown as Failure;
  expect(() => answerTo(strange)).toThrow(strange);
});

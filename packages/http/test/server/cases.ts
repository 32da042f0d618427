import { type Effect, Failure, type FailureKind } from "@outrigger/core";
import { expect } from "vitest";
import { RedundancyFailure } from "../../src/index.ts";
import type { ProblemAnswer, ServerProblemOptions } from "../../src/server/problem.ts";

const secret = "inner words: sk_live_1";

function failure(code: string, kind: FailureKind, effect: Effect, retryAfterMs?: number): Failure {
  return new Failure(secret, { code, kind, effect, retryAfterMs });
}

/** What the routes of every framework throw, by the last part of their path. */
export const thrown: Readonly<Record<string, () => unknown>> = {
  full: () => failure("LIMIT_REACHED", "rejected", "none", 1_200),
  late: () => failure("READ_TIMEOUT", "failed", "none"),
  open: () =>
    new RedundancyFailure(secret, {
      code: "CONNECTION_LOST",
      effect: "unknown",
      integration: "payments",
      operation: "charge",
    }),
  broken: () => failure("CONNECT_FAILED", "failed", "none"),
  declined: () => failure("HTTP_402", "refused", "none"),
};

export const heard: { failure: Failure; answer: ProblemAnswer }[] = [];

/** What every adapter is made with. */
export const options = {
  byCode: { HTTP_402: { status: 402, title: "Card declined" } },
  settled: () => ({ location: "/orders/1" }),
  onFailure: (failure: Failure, answer: ProblemAnswer) => heard.push({ failure, answer }),
} satisfies ServerProblemOptions<unknown>;

/** Asks the server for everything that {@link thrown} holds, over a real connection. */
export async function expectProblems(baseUrl: string): Promise<void> {
  heard.length = 0;
  const answers = [];
  for (const name of Object.keys(thrown)) {
    const response = await fetch(`${baseUrl}/fail/${name}`, { method: "POST" });
    const text = await response.text();
    expect(text).not.toContain("sk_live");
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { title, effect, status } = JSON.parse(text);
    expect(status).toBe(response.status);
    answers.push([name, response.status, response.headers.get("retry-after"), effect, title]);
    expect(response.headers.get("location")).toBe(name === "open" ? "/orders/1" : null);
  }
  expect(answers).toEqual([
    ["full", 503, "2", "none", "Temporarily unavailable"],
    ["late", 504, null, "none", "A service behind this one did not answer in time"],
    ["open", 202, "1", "unknown", "Not settled yet"],
    ["broken", 502, null, "none", "A service behind this one failed"],
    ["declined", 402, null, "none", "Card declined"],
  ]);
  expect(heard.map(({ failure, answer }) => [failure.message, answer.status])).toEqual(
    answers.map(([, status]) => [secret, status]),
  );
}

import { exponential } from "@outrigger/core";
import { expect, test } from "vitest";
import { failureOf, lane, operations } from "./support/harness.ts";

const retry = { maxRetries: 1, backoff: exponential("1ms") } as const;

test("a code in the body decides, is named in the failure, and counts for every operation that says nothing else", async () => {
  const { api, server } = await lane((_request, peer) => peer.reply(400, '{"code":"PROVIDER_ERROR"}'), {
    retry,
    errorCode: "code",
    uncertain: ["PROVIDER_ERROR"],
    refusals: ["CARD_DECLINED"],
  });

  expect(await failureOf(api.request("keyed"))).toMatchObject({
    code: "HTTP_400",
    providerCode: "PROVIDER_ERROR",
    effect: "unknown",
    kind: "failed",
    attempts: 2,
  });
  // Not to be sent twice, whatever the code promises.
  expect(await failureOf(api.request("plain"))).toMatchObject({ effect: "unknown", attempts: 1 });

  server.behave((_request, peer) => peer.reply(400, '{"code":"CARD_DECLINED"}'));
  const declined = await failureOf(api.request("keyed"));
  expect(declined).toMatchObject({ providerCode: "CARD_DECLINED", effect: "none", kind: "refused" });
  expect(declined.message).toBe("lab.keyed: it answered 400 with CARD_DECLINED");
});

test("a code that no list holds is not shown, because it may be anything", async () => {
  const { api } = await lane((_request, peer) => peer.reply(400, '{"code":"4242424242424242"}'), {
    errorCode: "code",
    refusals: ["CARD_DECLINED"],
  });
  const failure = await failureOf(api.request("plain"));
  expect(failure.providerCode).toBeUndefined();
  expect(`${failure.message} ${JSON.stringify(failure)}`).not.toContain("4242");
});

test("a service that says no with status 200 is understood where its success codes are listed", async () => {
  const answers = ['{"resultCode":"0000"}', '{"resultCode":"U503"}', '{"resultCode":"9"}', "<html>"];
  const { api } = await lane((_request, peer) => peer.reply(200, answers.shift() ?? ""), {
    errorCode: "resultCode",
    operations: {
      ...operations,
      plain: { ...operations.plain, successCodes: ["0000"], refusals: ["U503"] },
    } as never,
  });
  expect((await api.request("plain")).json()).toEqual({ resultCode: "0000" });
  expect(await failureOf(api.request("plain"))).toMatchObject({
    code: "HTTP_200",
    providerCode: "U503",
    effect: "none",
  });
  expect(await failureOf(api.request("plain"))).toMatchObject({ effect: "unknown", kind: "refused" });
  expect(await failureOf(api.request("plain"))).toMatchObject({ effect: "unknown", kind: "failed" });
  // The other operations do not read it.
  expect((await api.request("read")).status).toBe(200);
});

test("a quota that is used up is waited for like a Retry-After", async () => {
  const { api } = await lane((_request, peer) => peer.reply(429, "", { ratelimit: '"burst";r=0;t=7' }));
  expect(await failureOf(api.request("plain"))).toMatchObject({ retryAfterMs: 7_000, effect: "none" });
});

import { openAsBlob } from "node:fs";
import { HttpFailure, type HttpIntegration, httpIntegration, type Progress } from "@outrigger/http";

export type Payments = HttpIntegration<"confirm" | "upload" | "report">;

export function payments(baseUrl: string): Payments {
  // #region lists
  return httpIntegration({
    name: "payments",
    baseUrl,
    errorCode: "code", // where a JSON body has the provider's own code
    refusals: [402, "REJECT_CARD_COMPANY"], // a final "no": nothing was applied
    notApplied: [503], // the provider guarantees that nothing was applied; may be tried again
    uncertain: ["PROVIDER_ERROR"], // open, and the same request under its key gets the true answer
    operations: {
      confirm: {
        method: "POST",
        path: "/v1/payments/confirm",
        idempotency: { header: "Idempotency-Key", window: "15d" },
      },
      upload: { method: "PUT", path: "/v1/files/{name}" },
      report: { method: "GET", path: "/v1/report", redirects: 2 },
    },
    redirectTo: ["https://files.example.com"], // no credential goes there
    decompress: true, // gzip, br, zstd
    maxResponseBytes: 1_000_000, // on the wire, and of what it becomes
  });
  // #endregion
}

export async function confirm(api: Payments): Promise<unknown> {
  // #region confirm
  try {
    const response = await api.request("confirm", { json: { orderId: "7", amount: 10_000 } });
    return response.json({ numbers: "text" }); // amounts and ids exactly as they are written
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    if (error.kind === "refused" && error.effect === "none") return `declined: ${error.providerCode}`;
    throw error;
  }
  // #endregion
}

export async function upload(api: Payments, path: string): Promise<Progress[]> {
  const seen: Progress[] = [];
  // #region upload
  await api.request("upload", {
    params: { name: "july.csv" },
    body: await openAsBlob(path, { type: "text/csv" }), // read while it is sent, and again for a retry
    onProgress: (progress) => seen.push(progress),
  });
  // #endregion
  return seen;
}

export async function once(api: Payments, lines: AsyncIterable<string>): Promise<unknown> {
  // #region once
  const failure = await api
    .request("upload", {
      params: { name: "live.csv" },
      headers: { "content-type": "text/csv" },
      body: lines, // can be read only once
      replay: "1KiB", // so much of it is kept, to send it again
    })
    .catch((error) => error);
  return failure.message;
  // #endregion
}

export async function foreign(api: Payments): Promise<unknown> {
  // #region exchange
  const answer = await api.exchange({ method: "POST", url: "/v1/payments/confirm", body: "{}" });
  return [answer.status, answer.operation, answer.effect, answer.failure?.code];
  // #endregion
}

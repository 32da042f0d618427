import { createServer, type Server } from "node:http";
import { createInbox, hmacSignature, type Inbox, type Ledger, singleHeader } from "@outrigger/ledger";

interface PaymentEvent {
  readonly id: string;
  readonly created: number;
  readonly type: string;
  readonly data: { readonly reference: string; readonly charge: string; readonly code?: string };
}

export function paymentsInbox(ledger: Ledger, secret: string): Inbox {
  // #region inbox
  const verify = hmacSignature({
    secrets: [secret], // the old one too, while it is being changed
    tolerance: "5m",
    // Signature: t=1763800000,v1=5257a869e7ec...
    parts(headers) {
      const header = singleHeader(headers, "signature");
      if (header === undefined) return undefined;
      const fields = header.split(",").map((field) => field.split("="));
      const stamp = fields.find(([name]) => name === "t")?.[1] ?? "";
      const signatures = fields.flatMap(([name, value]) =>
        name === "v1" && value !== undefined ? [value] : [],
      );
      return { signatures, prefix: `${stamp}.`, signedAtMs: Number(stamp) * 1000 };
    },
  });

  const inbox = createInbox(ledger, {
    name: "payments",
    verify,
    read({ body }) {
      const event = JSON.parse(new TextDecoder().decode(body)) as PaymentEvent;
      const { id, created, type, data } = event;
      const about = { operation: "checkout.pay", key: data.reference };
      if (type === "charge.succeeded") {
        const result = { chargeId: data.charge };
        return { id, atMs: created * 1000, evidence: { ...about, learnt: { status: "found", result } } };
      }
      if (type === "charge.failed") {
        return { id, atMs: created * 1000, evidence: { ...about, learnt: { status: "refused" } } };
      }
      return undefined; // of no interest: answered, not stored
    },
  });
  // #endregion
  return inbox;
}

export function serve(inbox: Inbox): Server {
  // #region serve
  inbox.start();
  const server = createServer((request, response) => {
    if (request.method === "POST" && request.url === "/webhooks/payments")
      void inbox.handler(request, response);
    else response.writeHead(404).end();
  });
  // #endregion
  return server;
}

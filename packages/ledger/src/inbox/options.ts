import {
  assertKnownKeys,
  assertObject,
  type Duration,
  durationMs,
  functionAt,
  integerIn,
  nonEmptyString,
  show,
} from "@outrigger/core";
import { asOperationStep } from "../guard/run-in-transaction.ts";
import type { Inquiry } from "../operation/definition.ts";
import { exactJson } from "../operation/exact-json.ts";
import { checkedKey } from "../operation/key.ts";
import type { Verify, WebhookRequest } from "./signature.ts";

/** What a webhook says of an operation. */
export interface WebhookEvidence {
  /** The operation's name, and the key it was run with. */
  readonly operation: string;
  readonly key: string;
  /** `found` or `refused`. */
  readonly learnt: Inquiry<unknown>;
  /** Whose word it is, where the operation has several providers. */
  readonly provider?: string | undefined;
}

/** A webhook, read. */
export interface WebhookEvent {
  /** The provider's id of the event: the same for each time that it is sent. 1 to 255 characters. */
  readonly id: string;
  /** When it happened, in milliseconds since 1970. With it, older news of an operation than those known change nothing. */
  readonly atMs?: number | undefined;
  /** What it says of an operation; left out where it says nothing of one. */
  readonly evidence?: WebhookEvidence | undefined;
  /** What `apply` needs of it. Plain JSON. */
  readonly data?: unknown;
}

export interface InboxOptions<Tx> {
  /** Names the provider's account: event ids are unique within it. */
  readonly name: string;
  /** Says why a request is not the provider's; `hmacSignature` makes one. */
  readonly verify: Verify;
  /**
   * Reads a request that is the provider's; undefined for an event that is of no interest. What it throws is answered
   * with 400, and the provider sends it again.
   */
  readonly read: (request: WebhookRequest) => WebhookEvent | undefined;
  /** Changes what is yours, in the transaction in which the event is marked as done: it happens once. */
  readonly apply?: (tx: Tx, event: WebhookEvent) => Promise<unknown> | unknown;
  /** The longest body that is read, in bytes. @defaultValue 1000000 */
  readonly maxBodyBytes?: number;
  /** How often to look for events that are due. @defaultValue "1s" */
  readonly pollEvery?: Duration;
  /** The wait before an event is tried again; it doubles. @defaultValue "1s" */
  readonly retryFirst?: Duration;
  /** @defaultValue "1m" */
  readonly retryMax?: Duration;
  /** When one that cannot be applied is a person's, such as one whose operation never appeared. @defaultValue "7d" */
  readonly giveUpAfter?: Duration;
  /** How long an event that is done is known, so that it is not taken for a new one. @defaultValue "60d" */
  readonly keepFor?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `maxBodyBytes` 1 MB: many times what providers send.
 * - `pollEvery` 1 s: what arrives here is applied at once; this is for what another process left.
 * - `retryFirst` 1 s, `retryMax` 1 m: a webhook is mostly ahead of its operation by less than a second.
 * - `giveUpAfter` 7 d: longer than any provider sends again (Toss Payments 4 days, Stripe 3).
 * - `keepFor` 60 d: events can be sent again by hand for a month (Stripe, 30 days), and twice that is cheap.
 */
export const inboxDefaults: Required<
  Pick<
    InboxOptions<unknown>,
    "maxBodyBytes" | "pollEvery" | "retryFirst" | "retryMax" | "giveUpAfter" | "keepFor"
  >
> = {
  maxBodyBytes: 1_000_000,
  pollEvery: "1s",
  retryFirst: "1s",
  retryMax: "1m",
  giveUpAfter: "7d",
  keepFor: "60d",
};

/** The options, read and checked. */
export interface InboxSettings<Tx> {
  readonly name: string;
  readonly verify: Verify;
  readonly read: InboxOptions<Tx>["read"];
  readonly apply: InboxOptions<Tx>["apply"];
  readonly maxBodyBytes: number;
  readonly pollEveryMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly giveUpAfterMs: number;
  readonly keepForMs: number;
}

/** @throws TypeError or RangeError that names the option, the value and the fix. */
export function checkedInbox<Tx>(options: InboxOptions<Tx>): InboxSettings<Tx> {
  const at = "inbox";
  assertKnownKeys(at, options, ["name", "verify", "read", "apply", ...Object.keys(inboxDefaults)]);
  const { name, verify, read, apply } = options;
  const given = { ...inboxDefaults, ...options };
  functionAt(`${at}.verify`, verify);
  functionAt(`${at}.read`, read);
  if (apply !== undefined) functionAt(`${at}.apply`, apply);
  const retryFirstMs = durationMs(`${at}.retryFirst`, given.retryFirst);
  return {
    name: nonEmptyString(`${at}.name`, name),
    verify,
    read,
    apply: apply && asOperationStep(`inbox ${name}: apply`, apply),
    maxBodyBytes: integerIn(`${at}.maxBodyBytes`, given.maxBodyBytes, 1),
    pollEveryMs: durationMs(`${at}.pollEvery`, given.pollEvery),
    retryFirstMs,
    retryMaxMs: durationMs(`${at}.retryMax`, given.retryMax, { minMs: retryFirstMs }),
    giveUpAfterMs: durationMs(`${at}.giveUpAfter`, given.giveUpAfter),
    keepForMs: durationMs(`${at}.keepFor`, given.keepFor),
  };
}

const longestId = 255;
const latestMs = 8.64e15;

/** @throws TypeError, RangeError or Failure for an event that cannot be stored as it is. */
export function checkedEvent(event: unknown): WebhookEvent {
  assertObject("event", event);
  assertKnownKeys("event", event, ["id", "atMs", "evidence", "data"]);
  const { id, atMs, evidence } = event;
  if (
    typeof id !== "string" ||
    id === "" ||
    id.length > longestId ||
    !id.isWellFormed() ||
    id.includes("\0")
  ) {
    throw new RangeError(`event.id must be 1 to ${longestId} characters without NUL; got ${show(id)}`);
  }
  if (atMs !== undefined && !(typeof atMs === "number" && Math.abs(atMs) <= latestMs)) {
    throw new RangeError(`event.atMs must be milliseconds since 1970; got ${show(atMs)}`);
  }
  if (evidence !== undefined) {
    assertObject("event.evidence", evidence);
    assertKnownKeys("event.evidence", evidence, ["operation", "key", "learnt", "provider"]);
    nonEmptyString("event.evidence.operation", evidence["operation"]);
    checkedKey(evidence["key"]);
  }
  exactJson("event", event);
  return event as unknown as WebhookEvent;
}

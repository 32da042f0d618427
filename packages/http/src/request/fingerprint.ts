import { createHash } from "node:crypto";
import type { PreparedRequest } from "../transport/request.ts";
import { getHeader } from "./headers.ts";

/**
 * What two requests under one idempotency key must have in common: method, target, and the bytes of the body with their
 * type. Of a body that is made while it is sent nothing is known beforehand, so it is left out.
 */
export function fingerprintOf({ method, target, headers, body }: PreparedRequest): string {
  const hash = createHash("sha256").update(`${method} ${target}\n`);
  if (body instanceof Uint8Array) hash.update(`${getHeader(headers, "content-type") ?? ""}\n`).update(body);
  return hash.digest("base64");
}

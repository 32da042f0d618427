import { show } from "@outrigger/core";
import { invalidRequest, ledgerFailureCodes } from "../failure.ts";

/**
 * A step's key is `saga:key:step`, with what is added below. These bounds leave room for it, and for the provider's own
 * `:cancel`, in the 255 characters of a key.
 */
export const longest = { saga: 60, step: 40, key: 128 } as const;

/** No ":" in it: a step's key is taken apart at the first and at the last one. */
const name = /^[A-Za-z0-9_-]+$/;

/** @throws RangeError that names the value and what is allowed. */
export function checkedName(path: string, value: unknown, atMost: number): string {
  if (typeof value === "string" && value.length <= atMost && name.test(value)) return value;
  throw new RangeError(`${path} must be 1 to ${atMost} letters, digits, "_" or "-"; got ${show(value)}`);
}

/** @throws Failure `KEY_INVALID` with `effect: "none"`. */
export function checkedSagaKey(key: unknown): string {
  if (typeof key === "string" && key.length <= longest.key && /^[\x21-\x7e]+$/.test(key)) return key;
  const got =
    typeof key === "string" && key.length > longest.key ? `it has ${key.length}` : `got ${show(key)}`;
  throw invalidRequest(
    ledgerFailureCodes.keyInvalid,
    `a saga's key must be 1 to ${longest.key} visible ASCII characters, so that its steps' keys fit; ${got}`,
  );
}

export interface StepKey {
  readonly saga: string;
  readonly key: string;
  readonly step: string;
  readonly what: "do" | "undo";
  /** Counts the operations for the same, the first as 1: a refused one's key is spent. */
  readonly tries: number;
}

/** The key of the operation that does, or undoes, a step: the same for ever. */
export function stepKeyOf({ saga, key, step, what, tries }: StepKey): string {
  return `${saga}:${key}:${step}${what === "undo" ? "~undo" : ""}${tries > 1 ? `~${tries}` : ""}`;
}

/** The saga that a key may belong to. */
export function sagaOfKey(key: string): { readonly saga: string; readonly key: string } | undefined {
  const first = key.indexOf(":");
  const last = key.lastIndexOf(":");
  return first === last ? undefined : { saga: key.slice(0, first), key: key.slice(first + 1, last) };
}

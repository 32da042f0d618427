import { integerIn, join, show } from "@outrigger/core";

/** The lists in which a provider's answers can stand. What stands in none of them is uncertain for a write. */
export interface AnswerLists {
  /**
   * A final "no": nothing was applied, and repeating is pointless. Statuses (402) from 300 to 599, and codes of the body
   * ("REJECT_CARD_COMPANY").
   */
  readonly refusals?: readonly (number | string)[] | undefined;
  /** Answers by which the provider guarantees that nothing was applied; may be tried again. Statuses and codes. */
  readonly notApplied?: readonly (number | string)[] | undefined;
  /**
   * Answers that leave open what was applied, and after which the same request may get the true answer: repeated where
   * the request is idempotent or has a key. Statuses and codes.
   */
  readonly uncertain?: readonly (number | string)[] | undefined;
  /** Where a JSON body holds the provider's own code: `"code"`, `"error.code"`. A number is taken as its digits. */
  readonly errorCode?: string | undefined;
  /** What stands there in a success: 2xx answers are then read as well, and one with another code is a failure. */
  readonly successCodes?: readonly string[] | undefined;
}

/** Names of the options above. */
export const answerListKeys: readonly (keyof AnswerLists)[] = [
  "refusals",
  "notApplied",
  "uncertain",
  "errorCode",
  "successCodes",
];

export type Listed = "refusals" | "notApplied" | "uncertain";

/** What the classification needs to know of an operation. */
export interface AnswerContract {
  /** GET, HEAD, OPTIONS: there is nothing that could take effect, so every failure has effect `none`. */
  readonly readOnly: boolean;
  /** The request carries an idempotency key that the provider honours. */
  readonly keyed: boolean;
  readonly statuses: ReadonlyMap<number, Listed>;
  readonly codes: ReadonlyMap<string, Listed>;
  /** Names on the way to the code in a body; undefined where no body is read. */
  readonly codeAt: readonly string[] | undefined;
  readonly successCodes: ReadonlySet<string> | undefined;
}

/** The part of a contract that answers decide. */
export type AnswerRules = Omit<AnswerContract, "readOnly" | "keyed">;

/**
 * Reads the lists of an operation, on top of those of its integration: where both name an answer, the operation is
 * right.
 *
 * @throws RangeError or TypeError that names the option and the fix.
 */
export function parseAnswerRules(path: string, own: AnswerLists, integration: AnswerLists): AnswerRules {
  const statuses = new Map<number, Listed>();
  const codes = new Map<string, Listed>();
  addLists("", integration, statuses, codes);
  addLists(path, own, statuses, codes);
  const codeAt = parseCodePath(path, own.errorCode, integration.errorCode);
  const successCodes = parseSuccessCodes(path, own.successCodes, integration.successCodes);
  if (codeAt === undefined && (codes.size > 0 || successCodes !== undefined)) {
    throw new TypeError(
      `${join(path, "errorCode")} must say where a body holds its code, such as "code", because codes are listed`,
    );
  }
  for (const code of successCodes ?? []) {
    const listed = codes.get(code);
    if (listed === undefined) continue;
    throw new RangeError(`${join(path, "successCodes")} and ${listed} both hold ${show(code)}: keep one`);
  }
  const reads = codes.size > 0 || successCodes !== undefined;
  return { statuses, codes, codeAt: reads ? codeAt : undefined, successCodes };
}

/**
 * The lists where a proxy hears each request and forwards it: a 407 is the proxy's, which has passed nothing on (RFC 9110,
 * 15.5.8), unless a list says something else of it.
 */
export function behindProxy(lists: AnswerLists): AnswerLists {
  const { refusals = [], notApplied = [], uncertain = [] } = lists;
  const whole = [refusals, notApplied, uncertain].every((list) => Array.isArray(list));
  if (!whole || [...refusals, ...notApplied, ...uncertain].includes(407)) return lists;
  return { ...lists, refusals: [...refusals, 407] };
}

function addLists(
  path: string,
  lists: AnswerLists,
  statuses: Map<number, Listed>,
  codes: Map<string, Listed>,
): void {
  const here = new Map<number | string, Listed>();
  for (const list of ["refusals", "notApplied", "uncertain"] as const) {
    for (const entry of entriesOf(join(path, list), lists[list] ?? [])) {
      const other = here.get(entry);
      if (other !== undefined && other !== list)
        throw new RangeError(`${join(path, list)} and ${other} both hold ${show(entry)}: keep one`);
      here.set(entry, list);
      if (typeof entry === "number") statuses.set(entry, list);
      else codes.set(entry, list);
    }
  }
}

function entriesOf(path: string, list: unknown): (number | string)[] {
  if (!Array.isArray(list))
    throw new TypeError(`${path} must be an array of statuses and codes, such as [402, "CARD_DECLINED"]`);
  return list.map((entry: unknown, at) =>
    typeof entry === "string"
      ? codeOption(`${path}[${at}]`, entry)
      : integerIn(`${path}[${at}]`, entry, 300, 599),
  );
}

/** What a code of a body may look like: it stands in failures, so no free text is one. */
const codeShape = /^[\w.:-]{1,100}$/;

function codeOption(path: string, code: unknown): string {
  if (typeof code === "string" && codeShape.test(code)) return code;
  throw new RangeError(
    `${path} must be a code of 1 to 100 letters, digits and "_", ".", ":", "-"; got ${show(code)}`,
  );
}

function parseCodePath(
  path: string,
  own: string | undefined,
  integration: string | undefined,
): readonly string[] | undefined {
  const value: unknown = own ?? integration;
  if (value === undefined) return undefined;
  const names = typeof value === "string" ? value.split(".") : [];
  if (names.length > 0 && names.every((name) => name !== "")) return names;
  const where = own === undefined ? "errorCode" : join(path, "errorCode");
  throw new TypeError(
    `${where} must name a field of the body, such as "code" or "error.code"; got ${show(value)}`,
  );
}

function parseSuccessCodes(
  path: string,
  own: readonly string[] | undefined,
  integration: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  const value: unknown = own ?? integration;
  if (value === undefined) return undefined;
  const where = own === undefined ? "successCodes" : join(path, "successCodes");
  if (!Array.isArray(value) || value.length === 0)
    throw new TypeError(`${where} must be an array of codes, such as ["0000"]`);
  return new Set(value.map((code: unknown, at) => codeOption(`${where}[${at}]`, code)));
}

/** The code in a body, as text; undefined when it is not JSON or has none there. */
export function codeInBody(body: Uint8Array, names: readonly string[]): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  for (const name of names) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

import { show } from "@outrigger/core";
import { assertPlainObject } from "../options/plain-object.ts";

/** Values for the `{name}` places of a path. */
export type PathParams = Readonly<Record<string, string | number | bigint>>;

export interface PathTemplate {
  /** The path with its values filled in. @throws RangeError that names the parameter and never shows its value. */
  fill(params: PathParams): string;
  /** Whether values exist that make this path, in whatever spelling. */
  matches(path: string): boolean;
  /** One digit for each segment, more for one that leaves less open. Of two templates that match, the larger fits better. */
  readonly specificity: string;
}

type Part = { readonly text: string } | { readonly param: string };

const control = /\p{Cc}/u;
/** "." and "..", also as they look to a server that decodes before it resolves. */
const dotSegment = /^(?:\.|%2e){1,2}$/i;
/** What separates segments, for some server at least. */
const separator = /[/\\]|%2f|%5c/i;
const literal = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const placeholder = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Reads a path such as `/v1/orders/{orderId}`.
 *
 * Values are percent-encoded, so a slash, a question mark or a space in them stays inside its place. An empty value
 * and a value that holds a segment `.` or `..` are refused: they would lead to another resource, the latter on servers
 * that decode before they resolve.
 *
 * @throws RangeError that names the option and the fix.
 */
export function pathTemplate(option: string, template: unknown): PathTemplate {
  if (typeof template !== "string" || !template.startsWith("/") || template.startsWith("//")) {
    throw new RangeError(
      `${option} must start with one "/", such as "/v1/orders/{orderId}"; got ${show(template)}`,
    );
  }
  const parts = split(template);
  for (const part of parts) {
    if ("text" in part && !literal.test(part.text)) {
      throw new RangeError(
        `${option} may hold letters, digits, {names} and what RFC 3986 allows in a path; write queries with the query option; got ${show(template)}`,
      );
    }
  }
  const names = parts.flatMap((part) => ("param" in part ? [part.param] : []));
  if (hasDotSegment(template))
    throw new RangeError(`${option} must not hold "." or ".." segments; got ${show(template)}`);
  const segments = normal(template)
    .split("/")
    .map((segment) => segment.split(placeholder).filter(isLiteral));
  return {
    fill:
      names.length === 0
        ? (params) => withoutParams(template, params)
        : (params) => fill(parts, names, params),
    matches: (path) => {
      const given = normal(path).split("/");
      return given.length === segments.length && segments.every((each, at) => matches(each, given[at] ?? ""));
    },
    specificity: segments.map(specificityOf).join(""),
  };
}

/**
 * One spelling for each path: "%61" is "a" for every server (RFC 3986, section 6.2.2), so it has to be the same operation
 * here. What is reserved keeps its encoding, in capitals.
 */
function normal(path: string): string {
  if (!path.includes("%")) return path;
  return path.replaceAll(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const plain = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(plain) ? plain : encoded.toUpperCase();
  });
}

/** Whether a path, as it stands or as a server may decode it, holds `.` or `..` segments. */
export function hasDotSegment(path: string): boolean {
  return path.includes(".") || path.includes("%")
    ? path.split(separator).some((segment) => dotSegment.test(segment))
    : false;
}

/** Splitting by an expression with a group gives text and names in turn. */
function isLiteral(_text: string, at: number): boolean {
  return at % 2 === 0;
}

function specificityOf(texts: readonly string[]): string {
  if (texts.length === 1) return "2";
  return texts.some((text) => text !== "") ? "1" : "0";
}

/** @param texts - What stands before, between and behind the places of a segment. */
function matches(texts: readonly string[], segment: string): boolean {
  const [first = "", ...rest] = texts;
  const last = rest.pop();
  if (last === undefined) return segment === first;
  if (!segment.startsWith(first)) return false;
  let end = first.length;
  for (const text of rest) {
    const at = segment.indexOf(text, end + 1);
    if (at === -1) return false;
    end = at + text.length;
  }
  return segment.length - last.length > end && segment.endsWith(last);
}

function split(template: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(placeholder)) {
    parts.push({ text: template.slice(end, match.index) }, { param: match[1] ?? "" });
    end = match.index + match[0].length;
  }
  parts.push({ text: template.slice(end) });
  return parts;
}

function withoutParams(path: string, params: PathParams): string {
  assertKnownParams(params, []);
  return path;
}

function fill(parts: readonly Part[], names: readonly string[], params: PathParams): string {
  assertKnownParams(params, names);
  let path = "";
  for (const part of parts) path += "text" in part ? part.text : encode(part.param, params[part.param]);
  if (hasDotSegment(path)) throw new RangeError('params must not make a segment "." or ".."');
  return path;
}

function assertKnownParams(params: PathParams, names: readonly string[]): void {
  assertPlainObject("params", params, "a plain object", "{ name: value }, or Object.fromEntries(…) of pairs");
  for (const name of Object.keys(params)) {
    if (names.includes(name)) continue;
    const known = names.length === 0 ? "the path has no parameters" : `it has ${names.join(", ")}`;
    throw new RangeError(`params.${name} is not in the path; ${known}`);
  }
}

function encode(name: string, value: unknown): string {
  if (value === undefined || value === null) throw new RangeError(`params.${name} is missing`);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`params.${name} must be a finite number`);
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") {
    throw new RangeError(`params.${name} must be a string or a number; got ${show(value)}`);
  }
  const text = String(value);
  if (text === "") throw new RangeError(`params.${name} must not be empty: the path would lead elsewhere`);
  if (control.test(text)) throw new RangeError(`params.${name} must not hold control characters`);
  // Before it is encoded: "%2e%2e" becomes "%252e%252e", which is ".." to a server that decodes twice.
  if (hasDotSegment(text)) throw new RangeError(`params.${name} must not hold a segment "." or ".."`);
  return encodeText(`params.${name}`, text);
}

/** Percent-encodes everything but unreserved characters. @throws RangeError for half a surrogate pair. */
export function encodeText(field: string, text: string): string {
  if (!text.isWellFormed())
    throw new RangeError(`${field} must be well-formed Unicode: it holds half a surrogate pair`);
  return encodeURIComponent(text);
}

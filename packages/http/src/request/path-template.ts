import { show } from "@outrigger/core";
import { assertPlainObject } from "../options/plain-object.ts";

/** Values for the `{name}` places of a path. */
export type PathParams = Readonly<Record<string, string | number | bigint>>;

/** A path with its values filled in. @throws RangeError that names the parameter and never shows its value. */
export type PathTemplate = (params: PathParams) => string;

type Part = { readonly text: string } | { readonly param: string };

const control = /\p{Cc}/u;
/** "." and "..", also as they look to a server that decodes before it resolves. */
const dotSegment = /^(?:\.|%2e){1,2}$/i;
const literal = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const placeholder = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Reads a path such as `/v1/orders/{orderId}`.
 *
 * Values are percent-encoded, so a slash, a question mark or a space in them stays inside its place. An empty value
 * and a value that makes a segment `.` or `..` are refused: they would lead to another resource.
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
  for (const segment of template.split("/")) {
    if (dotSegment.test(segment))
      throw new RangeError(`${option} must not hold "." or ".." segments; got ${show(template)}`);
  }
  return (params) => fill(parts, names, params);
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

function fill(parts: readonly Part[], names: readonly string[], params: PathParams): string {
  assertPlainObject("params", params, "a plain object", "{ name: value }, or Object.fromEntries(…) of pairs");
  for (const name of Object.keys(params)) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? "the path has no parameters" : `it has ${names.join(", ")}`;
      throw new RangeError(`params.${name} is not in the path; ${known}`);
    }
  }
  const path = parts
    .map((part) => ("text" in part ? part.text : encode(part.param, params[part.param])))
    .join("");
  if (names.length > 0 && path.split("/").some((segment) => dotSegment.test(segment))) {
    throw new RangeError('params must not make a segment "." or ".."');
  }
  return path;
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
  return encodeText(`params.${name}`, text);
}

/** Percent-encodes everything but unreserved characters. @throws RangeError for half a surrogate pair. */
export function encodeText(field: string, text: string): string {
  if (!text.isWellFormed())
    throw new RangeError(`${field} must be well-formed Unicode: it holds half a surrogate pair`);
  return encodeURIComponent(text);
}

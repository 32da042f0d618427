import { show } from "@outrigger/core";

/** Amounts of one currency, kept exact: `units` of ten to the power of minus `scale`. */
export interface Exact {
  readonly units: bigint;
  readonly scale: number;
}

const decimal = /^([+-]?)(\d{1,30})(?:\.(\d{1,18}))?$/;

/**
 * An amount as a decimal with neither rounding nor a second way to write it: `"10.50"`, `10.5` and `"010.5"` are "10.5".
 *
 * A number is taken where it is what was written: an integer up to 2^53, or a fraction with no more digits than the
 * currency has.
 *
 * @throws RangeError for one that is not exact, or is no amount.
 */
export function exactAmount(path: string, amount: unknown, currency: string | undefined): string {
  if (typeof amount === "number" && Number.isInteger(amount) && !Number.isSafeInteger(amount)) {
    throw new RangeError(`${path} ${amount} is larger than a number keeps exactly: pass it as a string`);
  }
  const match =
    typeof amount === "string" || typeof amount === "number" || typeof amount === "bigint"
      ? decimal.exec(String(amount))
      : null;
  if (match === null) {
    throw new RangeError(
      `${path} must be a decimal such as "10.50", an integer or a bigint; got ${show(amount)}`,
    );
  }
  const [, sign = "", whole = "", fraction = ""] = match;
  const digits = fraction.replace(/0+$/, "");
  if (currency !== undefined && digits.length > digitsOf(path, currency)) {
    throw new RangeError(
      `${path} ${amount} has more digits than ${currency}, which has ${digitsOf(path, currency)}: it was not exact, or is of another currency`,
    );
  }
  const bare = whole.replace(/^0+(?=\d)/, "") + (digits === "" ? "" : `.${digits}`);
  return sign === "-" && bare !== "0" ? `-${bare}` : bare;
}

const known = new Map<string, number>();
/** Texts that came with rows are not kept without end. */
const knownAtMost = 500;

function digitsOf(path: string, currency: string): number {
  const seen = known.get(currency);
  if (seen !== undefined) return seen;
  if (!/^[A-Z]{3}$/.test(currency)) {
    throw new RangeError(`${path}: a currency is three letters such as "EUR"; got ${show(currency)}`);
  }
  const options = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
  const digits = options.maximumFractionDigits ?? 2;
  if (known.size < knownAtMost) known.set(currency, digits);
  return digits;
}

/** @param amount - As {@link exactAmount} writes it. */
export function exact(amount: string): Exact {
  const dot = amount.indexOf(".");
  if (dot === -1) return { units: BigInt(amount), scale: 0 };
  return { units: BigInt(amount.slice(0, dot) + amount.slice(dot + 1)), scale: amount.length - dot - 1 };
}

export function plus(a: Exact, b: Exact): Exact {
  if (a.scale === b.scale) return { units: a.units + b.units, scale: a.scale };
  const scale = Math.max(a.scale, b.scale);
  const lift = (of: Exact): bigint => of.units * 10n ** BigInt(scale - of.scale);
  return { units: lift(a) + lift(b), scale };
}

export function decimalOf({ units, scale }: Exact): string {
  const negative = units < 0n;
  const digits = String(negative ? -units : units).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  const bare = fraction === "" ? whole : `${whole}.${fraction}`;
  return negative && bare !== "0" ? `-${bare}` : bare;
}

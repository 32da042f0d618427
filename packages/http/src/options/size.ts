import { show } from "@outrigger/core";

/** A number of bytes with its unit: `"512B"`, `"64KiB"`, `"10MiB"`. */
export type Size = `${number}B` | `${number}KiB` | `${number}MiB` | `${number}GiB`;

const shape = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/;
const unitBytes: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** @throws RangeError that names the path, the value and what to write. */
export function sizeBytes(path: string, value: unknown): number {
  const match = typeof value === "string" ? shape.exec(value) : null;
  const bytes = Number(match?.[1]) * (unitBytes[match?.[2] ?? ""] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RangeError(
    `${path} must be a size with a unit (B, KiB, MiB or GiB), such as "64KiB"; got ${show(value)}`,
  );
}

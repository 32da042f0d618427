/**
 * A schema name that needs no quoting and cannot be the system's.
 *
 * @throws RangeError that names the value and what is allowed.
 */
export function schemaName(path: string, value: unknown): string {
  if (typeof value !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(value) || /^(pg_|sqlite)/.test(value)) {
    throw new RangeError(
      `${path} must be 1 to 63 of a-z, 0-9 and _, not starting with a digit, "pg_" or "sqlite"; got ${JSON.stringify(value)}`,
    );
  }
  return value;
}

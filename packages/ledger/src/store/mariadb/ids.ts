import { createHash } from "node:crypto";
import type { SqlQuery } from "../sql-port.ts";
import { now } from "./text.ts";

/**
 * New ids that follow the database's clock, so that the oldest rows are found by the primary key. The server cannot say
 * which rows of an insert were new, so each row is given an id that nobody else has, and is looked for by it.
 */
export async function newIds(query: SqlQuery, count: number): Promise<readonly string[]> {
  const [row] = await query(
    `select cast(timestampdiff(microsecond, '1970-01-01', ${now}) div 1000 as char) as ms, uuid() as seed`,
  );
  const time = Number(row?.["ms"]).toString(16).padStart(12, "0");
  return Array.from({ length: count }, (_, index) => {
    const rest = createHash("sha256").update(`${row?.["seed"]} ${index}`).digest("hex");
    // Version 7 of a UUID, RFC 9562.
    return [
      time.slice(0, 8),
      time.slice(8),
      `7${rest.slice(0, 3)}`,
      `8${rest.slice(3, 6)}`,
      rest.slice(6, 18),
    ].join("-");
  });
}

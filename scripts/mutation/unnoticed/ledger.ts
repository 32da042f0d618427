import type { Explanation } from "../unnoticed.ts";

/** Of the ledger's statements. */
export const ledger: readonly Explanation[] = [];

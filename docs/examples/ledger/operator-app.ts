import { createLedger, fromPgPool } from "@outrigger/ledger";
import { Pool } from "pg";
import { defineOperations, paymentsReconciliation } from "./operations.ts";

// #region app
const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
export const ledger = createLedger({ sql: fromPgPool(pool) });
const pay = defineOperations(ledger); // the same function that your service calls
export const reconciliations = { payments: paymentsReconciliation(ledger, pay) };
export const close = () => pool.end();
// #endregion

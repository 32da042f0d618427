import { databaseUnavailable, statementTimedOut } from "../../failure.ts";
import type { SqlBounds } from "../../store/sql-port.ts";
import type { PgClient, PgPool } from "./pool.ts";

/**
 * Takes a client, and listens to its errors until it is given back: pg-pool listens to idle clients only, and
 * the error of a connection that breaks between two statements would end the process. In the callback, because
 * a server that goes down can put its farewell into the packet that completes the connection, and a promise
 * would be too late for it.
 */
export function checkOut<Client extends PgClient>(
  pool: PgPool<Client>,
  onError: () => void,
  bounds: SqlBounds | undefined,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    let left = false;
    const timer = bounds?.clock.setTimer(bounds.statementMs, () => {
      left = true;
      reject(databaseUnavailable(statementTimedOut(bounds.statementMs)));
    });
    pool.connect((error, client) => {
      timer?.cancel();
      if (client === undefined) reject(databaseUnavailable(error));
      else if (left) client.release();
      else {
        client.on("error", onError);
        resolve(client);
      }
    });
  });
}

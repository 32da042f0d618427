import { Failure } from "@outrigger/core";
import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { createLedger, fromPgPool, type Ledger, type Operation } from "@outrigger/ledger";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { atNight, type Booking, book, defineTrips, type Operations } from "./saga.ts";

let server: DatabaseServer;
let database: Database;
let pool: pg.Pool;
beforeAll(async () => {
  server = await databaseForTests();
  database = await createDatabase(server.url, "docs_saga");
  pool = new pg.Pool({ connectionString: database.url, max: 3 });
  await pool.query(
    "create table bookings (what text, id text, status text not null, primary key (what, id))",
  );
});
afterAll(async () => {
  await pool.end();
  await database.drop();
  await server.stop();
});

/** Operations whose providers do what the name says, and keep what stands. */
function operationsOf(ledger: Ledger, standing: Set<string>, refused: ReadonlySet<string>): Operations {
  function operation<I extends { id: string }>(what: string, more: object): Operation<I, Booking> {
    return ledger.operation<I, Booking>(what, {
      prepare: (tx, { id }) => tx.query("insert into bookings values ($1, $2, 'open')", [what, id]),
      async call(_input, { key }) {
        if (refused.has(what))
          throw new Failure(`no ${what}`, { code: "NONE_LEFT", effect: "none", kind: "refused" });
        standing.add(key);
        return { reference: key };
      },
      async inquire(_input, { key }) {
        return standing.has(key) ? { status: "found", result: { reference: key } } : { status: "notFound" };
      },
      commit: (tx, { id }) =>
        tx.query("update bookings set status = 'done' where what = $1 and id = $2", [what, id]),
      abandon: (tx, { id }) =>
        tx.query("update bookings set status = 'void' where what = $1 and id = $2", [what, id]),
      ...more,
    });
  }
  const cancel = async (_input: unknown, { key }: { key: string }): Promise<void> => {
    standing.delete(key);
  };
  const undoable = { cancel, capabilities: { cancel: { blocksLateOriginal: true } } };
  const final = { accept: "detect-only" };
  return {
    bookFlight: operation("flight", undoable),
    bookHotel: operation("hotel", final),
    pay: operation("payment", undoable),
    issueTickets: operation("tickets", final),
    freeRoom: operation("freeRoom", final),
  };
}

test("the page's trip is booked as a whole, or not at all", async () => {
  const standing = new Set<string>();
  const refused = new Set<string>();
  const ledger = createLedger({ sql: fromPgPool(pool) });
  await ledger.migrate();
  const bookTrip = defineTrips(ledger, operationsOf(ledger, standing, refused));
  expect(await book(bookTrip, { id: "t1", seats: 2 })).toBe("booked: trip:t1:flight, trip:t1:hotel");
  expect(standing.size).toBe(4);

  refused.add("payment");
  expect(await book(bookTrip, { id: "t2", seats: 2 })).toBe("not booked, because of payment: no payment");
  // The flight is cancelled; the room is given free by an operation of its own.
  expect([...standing].filter((key) => key.includes(":t2:")).sort()).toEqual([
    "trip:t2:hotel",
    "trip:t2:hotel~undo",
  ]);
  const { rows } = await pool.query("select what, status from bookings where id like 't2%' order by what");
  expect(rows.map(({ what, status }) => `${what} ${status}`)).toEqual([
    "flight void",
    "freeRoom done",
    "hotel done",
    "payment void",
  ]);
  expect(await atNight(ledger)).toEqual([]);
});

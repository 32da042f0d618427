import { type Ledger, type Operation, type Saga, type SagaSoFar, sagaStep } from "@outrigger/ledger";

export interface Trip {
  readonly id: string;
  readonly seats: number;
}

export interface Booking {
  readonly reference: string;
}

interface Booked {
  readonly flight: Booking;
  readonly hotel: Booking;
  readonly payment: Booking;
  readonly tickets: Booking;
}

export interface Operations {
  readonly bookFlight: Operation<{ id: string; seats: number }, Booking>;
  readonly bookHotel: Operation<{ id: string }, Booking>;
  readonly pay: Operation<{ id: string; for: readonly string[] }, Booking>;
  readonly issueTickets: Operation<{ id: string; flight: string }, Booking>;
  readonly freeRoom: Operation<{ id: string; reference: string }, Booking>;
}

export function defineTrips(ledger: Ledger, operations: Operations): Saga<Trip, Booked> {
  const { bookFlight, bookHotel, pay, issueTickets, freeRoom } = operations;
  // #region define
  const bookTrip = ledger.saga<Trip, Booked>("trip", {
    version: 1,
    steps: [
      [
        // side by side
        sagaStep({
          name: "flight",
          operation: bookFlight, // has a cancel, so that is how it is undone
          input: ({ input }: SagaSoFar<Trip, Booked>) => ({ id: input.id, seats: input.seats }),
        }),
        sagaStep({
          name: "hotel",
          operation: bookHotel,
          input: ({ input }: SagaSoFar<Trip, Booked>) => ({ id: input.id }),
          // has no cancel: undone by an operation of its own
          undo: {
            operation: freeRoom,
            input: ({ input, results, tries }) => ({
              id: `${input.id}/${tries}`,
              reference: results.hotel.reference,
            }),
          },
        }),
      ],
      sagaStep({
        name: "payment",
        operation: pay,
        pivot: true, // from here on only forward
        input: ({ input, results }: SagaSoFar<Trip, Booked>) => ({
          id: input.id,
          for: [results.flight.reference, results.hotel.reference],
        }),
      }),
      sagaStep({
        name: "tickets",
        operation: issueTickets,
        input: ({ input, results, tries }: SagaSoFar<Trip, Booked>) => ({
          id: `${input.id}/${tries}`,
          flight: results.flight.reference,
        }),
      }),
    ],
  });
  // #endregion
  return bookTrip;
}

export async function book(bookTrip: Saga<Trip, Booked>, trip: Trip): Promise<string> {
  // #region run
  const outcome = await bookTrip.run(trip, { key: trip.id });
  switch (outcome.status) {
    case "committed":
      return `booked: ${outcome.result.flight.reference}, ${outcome.result.hotel.reference}`;
    case "abandoned":
      return `not booked, because of ${outcome.failure.step ?? "a cancel"}: ${outcome.failure.message}`;
    case "pending":
      return "we are on it"; // ends as one of the two, or with a person
  }
  // #endregion
}

export async function atNight(ledger: Ledger): Promise<readonly string[]> {
  // #region people
  const { sagas } = ledger;
  const waiting = await sagas.list({ states: ["MANUAL"] });
  for (const { id, steps } of waiting) {
    const stuck = steps.filter(({ state }) => state === "MANUAL").map(({ step }) => step);
    await sagas.retry(id, { reason: `the provider of ${stuck.join(", ")} is back`, by: "kim" });
  }
  // #endregion
  return waiting.map(({ key }) => key);
}

/** What a process of the soak is told: these orders, so many at a time. */
export interface Round {
  readonly round: number;
  readonly slot: number;
  readonly from: number;
  readonly upTo: number;
  readonly atOnce: number;
}

export type FromSoakWorker =
  | { readonly is: "ready" }
  /** All orders before this one have been begun and answered. */
  | { readonly is: "at"; readonly index: number }
  | { readonly is: "done"; readonly heapBytes: number };

export const orderOf = (round: number, slot: number, index: number): string => `${round}-${slot}-${index}`;

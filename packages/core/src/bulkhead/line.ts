/** Where a value stands in a line. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
  /** Undefined once it has left. */
  line: Line<T> | undefined;
}

/**
 * Values in the order in which they came, each of which can leave from the middle in constant time: a thousand
 * waiters whose callers go away must not cost a million steps.
 */
export class Line<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Place<T> | undefined {
    return this.#first;
  }

  get last(): Place<T> | undefined {
    return this.#last;
  }

  append(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#last, after: undefined, line: this };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size += 1;
    return place;
  }

  /** @returns false for a place that has left before, or that is in another line, and for none at all. */
  remove(place: Place<T> | undefined): boolean {
    if (place?.line !== this) return false;
    if (place.before === undefined) this.#first = place.after;
    else place.before.after = place.after;
    if (place.after === undefined) this.#last = place.before;
    else place.after.before = place.before;
    place.before = undefined;
    place.after = undefined;
    place.line = undefined;
    this.#size -= 1;
    return true;
  }
}

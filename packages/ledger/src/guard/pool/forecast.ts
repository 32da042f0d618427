/** The window is cut into so many parts. */
const parts = 20;
/** A rise of fewer steps is a burst, which comes back by itself. */
const fewestRises = 3;

/**
 * Says when a pool will be exhausted, from how many connections have stayed out.
 *
 * What counts is the floor: the fewest that were out in each part of the window. Traffic makes the number in use jump,
 * and leaves the floor low; connections that are leaked, or held by whoever waits for a slow answer, lift it.
 */
export class Forecast {
  readonly #size: number;
  readonly #partMs: number;
  /** The latest last. */
  readonly #floors: number[] = [];
  #part = Number.NaN;
  #inUse = 0;

  constructor(size: number, windowMs: number) {
    this.#size = size;
    this.#partMs = windowMs / parts;
  }

  /** @returns whether a part of the window has ended, so that there may be something new to say. */
  note(nowMs: number, inUse: number): boolean {
    const isNewPart = this.#advance(nowMs);
    this.#inUse = inUse;
    const last = this.#floors.length - 1;
    this.#floors[last] = Math.min(this.#floors[last] ?? inUse, inUse);
    return isNewPart;
  }

  /** Milliseconds until none is left, if it goes on as it does; undefined when nothing says so. */
  exhaustedInMs(nowMs: number): number | undefined {
    this.#advance(nowMs);
    const floors = this.#floors;
    let from = floors.length - 1;
    while (from > 0 && (floors[from - 1] ?? 0) <= (floors[from] ?? 0)) from -= 1;
    const rises = [...floors.keys()].filter((part) => part > from && floors[part] !== floors[part - 1]);
    const [first] = rises;
    const last = rises.at(-1);
    if (first === undefined || last === undefined || rises.length < fewestRises) return undefined;
    // A jump to another level is over when the next step has been due for twice as long as steps are apart.
    const apart = (last - first) / (rises.length - 1);
    if (floors.length - 1 - last > 2 * apart) return undefined;
    const risen = (floors.at(-1) ?? 0) - (floors[first - 1] ?? 0);
    if (risen < this.#size / 10) return undefined;
    return ((this.#size - this.#inUse) * (floors.length - first) * this.#partMs) / risen;
  }

  /** Parts in which nothing happened have the floor that was. */
  #advance(nowMs: number): boolean {
    const part = Math.floor(nowMs / this.#partMs);
    if (part === this.#part) return false;
    const passed = Number.isNaN(this.#part) ? 1 : Math.min(parts, part - this.#part);
    for (let each = 0; each < passed; each += 1) this.#floors.push(this.#inUse);
    this.#floors.splice(0, this.#floors.length - parts);
    this.#part = part;
    return true;
  }
}

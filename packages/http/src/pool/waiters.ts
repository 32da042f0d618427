/** A place in the queue. */
export interface Place<T> {
  readonly value: T;
}

interface Node<T> extends Place<T> {
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
  queued: boolean;
}

/** First in, first out; leaving from the middle costs the same as from the end: nothing is searched or moved. */
export class WaiterQueue<T> {
  #head: Node<T> | undefined;
  #tail: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: T): Place<T> {
    const node: Node<T> = { value, previous: this.#tail, next: undefined, queued: true };
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.next = node;
    this.#tail = node;
    this.#size += 1;
    return node;
  }

  shift(): T | undefined {
    const node = this.#head;
    if (node === undefined) return undefined;
    this.#unlink(node);
    return node.value;
  }

  /** @returns false when the place had been left already, by either side. */
  leave(place: Place<T>): boolean {
    const node = place as Node<T>;
    if (!node.queued) return false;
    this.#unlink(node);
    return true;
  }

  #unlink(node: Node<T>): void {
    node.queued = false;
    if (node.previous === undefined) this.#head = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#tail = node.previous;
    else node.next.previous = node.previous;
    node.previous = undefined;
    node.next = undefined;
    this.#size -= 1;
  }
}

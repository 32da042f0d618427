import type { AnyDefinition, Engine } from "../run/engine.ts";
import type { SagaStore } from "./saga-store.ts";

/** What the parts of sagas share. */
export interface SagaEngine<Tx> {
  readonly engine: Engine<Tx>;
  readonly sagas: SagaStore<Tx>;
  readonly definitionOf: (operation: string) => AnyDefinition<Tx> | undefined;
  /** Sagas that this process drives now: news of their steps need no wake-up by way of the database. */
  readonly driven: Driven;
}

/** What is driven in this process, and whether a step has settled since it was looked at. */
export class Driven {
  readonly #news = new Map<string, boolean>();

  /** @returns a function that ends it, and says whether there were news that nobody has looked at. */
  begin({ saga, key }: SagaName): () => boolean {
    const name = nameOf({ saga, key });
    this.#news.set(name, false);
    return () => {
      const news = this.#news.get(name) === true;
      this.#news.delete(name);
      return news;
    };
  }

  /** What is read from here on knows of everything so far. */
  look(of: SagaName): void {
    if (this.#news.has(nameOf(of))) this.#news.set(nameOf(of), false);
  }

  hasNews(of: SagaName): boolean {
    return this.#news.get(nameOf(of)) === true;
  }

  /** @returns whether it is driven here. */
  tell(of: SagaName): boolean {
    const name = nameOf(of);
    if (!this.#news.has(name)) return false;
    this.#news.set(name, true);
    return true;
  }
}

interface SagaName {
  readonly saga: string;
  readonly key: string;
}

const nameOf = ({ saga, key }: SagaName): string => `${saga} ${key}`;

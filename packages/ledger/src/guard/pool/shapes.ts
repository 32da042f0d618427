import { show } from "@outrigger/core";
import { replaceMethod } from "../libraries/replace.ts";

/** What a watch hears of a pool. A ticket stands for one caller who asked. */
export interface PoolHearer<Ticket> {
  /** In the stack of who asks. */
  asked(): Ticket;
  given(ticket: Ticket, connection: unknown): void;
  gaveUp(ticket: Ticket): void;
  returned(connection: unknown): void;
}

/** A pool, as far as a watch needs it. */
export interface PoolShape {
  readonly size: () => number;
  /** @returns a function that ends it. */
  readonly listen: <Ticket>(hearer: PoolHearer<Ticket>) => () => void;
}

type Method = (...args: unknown[]) => unknown;

interface Emitter {
  addListener?(event: string, listener: Method): unknown;
  on(event: string, listener: Method): unknown;
  removeListener(event: string, listener: Method): unknown;
}

/** @throws TypeError for what is none of the pools that are known. */
export function shapeOf(pool: object): PoolShape {
  if (isPg(pool)) return pgShape(pool);
  if (isTarn(pool)) return tarnShape(pool);
  throw new TypeError(
    "watchPool(pool) knows pools of pg (new Pool()) and of tarn (knex.client.pool); with Kysely, Drizzle and TypeORM " +
      `hand over the pg pool that they use; got ${show(pool)}`,
  );
}

function isPg(pool: object): pool is PgShaped {
  return hasMethods(pool, ["connect", "on", "removeListener"]) && "totalCount" in pool;
}

function isTarn(pool: object): pool is TarnShaped {
  return hasMethods(pool, ["acquire", "numUsed", "on", "removeListener"]);
}

function hasMethods(pool: object, names: readonly string[]): boolean {
  if (typeof pool !== "object" || pool === null) return false;
  return names.every((name) => typeof Reflect.get(pool, name) === "function");
}

interface PgShaped extends Emitter {
  readonly options: { readonly max?: number };
}

/** What pg-pool takes where `max` is left out. */
const pgSize = 10;

function pgShape(pool: PgShaped): PoolShape {
  return {
    size: () => pool.options.max ?? pgSize,
    listen(hearer) {
      const restore = replaceMethod<Method>(pool, "connect", (connect) => {
        const watched: Method = function (this: unknown, callback) {
          const ticket = hearer.asked();
          const given = (error: unknown, connection: unknown): void =>
            error ? hearer.gaveUp(ticket) : hearer.given(ticket, connection);
          if (typeof callback === "function") {
            return connect.call(this, (error: unknown, connection: unknown, done: unknown) => {
              given(error, connection);
              callback(error, connection, done);
            });
          }
          const connecting = connect.call(this) as Promise<unknown>;
          // Before whoever asked, because this listens first.
          connecting.then(
            (connection) => given(undefined, connection),
            (error: unknown) => given(error ?? true, undefined),
          );
          return connecting;
        };
        return watched;
      });
      const released: Method = (_error, connection) => hearer.returned(connection);
      pool.on("release", released);
      return () => {
        restore();
        pool.removeListener("release", released);
      };
    },
  };
}

interface TarnShaped extends Emitter {
  readonly max: number;
}

function tarnShape(pool: TarnShaped): PoolShape {
  return {
    size: () => pool.max,
    listen<Ticket>(hearer: PoolHearer<Ticket>) {
      const tickets = new Map<unknown, Ticket>();
      const settle = (id: unknown, then: (ticket: Ticket) => void): void => {
        const ticket = tickets.get(id);
        tickets.delete(id);
        if (ticket !== undefined) then(ticket);
      };
      const listeners: Readonly<Record<string, Method>> = {
        acquireRequest: (id) => void tickets.set(id, hearer.asked()),
        acquireSuccess: (id, connection) => settle(id, (ticket) => hearer.given(ticket, connection)),
        acquireFail: (id) => settle(id, (ticket) => hearer.gaveUp(ticket)),
        release: (connection) => hearer.returned(connection),
      };
      for (const [event, listener] of Object.entries(listeners)) pool.on(event, listener);
      return () => {
        for (const [event, listener] of Object.entries(listeners)) pool.removeListener(event, listener);
      };
    },
  };
}

import type { ConsoleSnapshot } from "../../index.ts";
import type { Messages } from "../i18n/en.ts";
import { defectsOf } from "./history.ts";

export type Hint = Exclude<keyof Messages["hints"], "label">;

/** What a newcomer could do next, read from the state alone: nobody has to follow a fixed tour. */
export function hintFor(snapshot: ConsoleSnapshot): Hint {
  if (!snapshot.shop.up) return "shopDown";
  if (snapshot.traffic.perSecond === 0) return "letCustomersIn";
  const damaged = defectsOf(snapshot.lanes.bare) > 0;
  if (snapshot.providers.some(({ fault }) => fault !== "healthy")) return damaged ? "compare" : "wait";
  return damaged ? "compare" : "breakOne";
}

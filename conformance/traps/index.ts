import type { Trap } from "../script/format.ts";
import { counting } from "./counting.ts";
import { halfOpen } from "./half-open.ts";
import { hygiene } from "./hygiene.ts";
import { limiting } from "./limiting.ts";
import { retrying } from "./retrying.ts";
import { timing } from "./timing.ts";

/** All of them, by number. */
export const traps: readonly Trap[] = [
  ...halfOpen,
  ...counting,
  ...retrying,
  ...limiting,
  ...timing,
  ...hygiene,
].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));

import { pick, seededRandom } from "@outrigger/lab";
import { type DefinitionName, declaredBy, definitionNames } from "../../crash/matrix/definitions.ts";
import { concerns, type ModeName, modeNames } from "../../crash/matrix/modes.ts";

/** What an order is about: the same for whoever asks, in any process. */
export interface Traits {
  readonly definition: DefinitionName;
  readonly mode: ModeName;
}

/** Of orders that go wrong on the way, one in so many. */
const oneIn = 6;
/**
 * Left out: a cancel that is refused, which a person cannot settle either, and webhooks, which would have to find a
 * process that lives.
 */
const left: readonly ModeName[] = ["cancel-refused", "webhook-first"];
const faulty = modeNames.filter((mode) => mode !== "ok" && !left.includes(mode));

/** @param order - `<round>-<slot>-<index>`. */
export function traitsOf(order: string, seed: number): Traits {
  const random = seededRandom(seed ^ hashOf(order));
  const definition = pick(definitionNames, random);
  if (random() > 1 / oneIn) return { definition, mode: "ok" };
  return {
    definition,
    mode: pick(
      faulty.filter((mode) => concerns(mode, declaredBy(definition))),
      random,
    ),
  };
}

function hashOf(text: string): number {
  let hash = 2_166_136_261;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 16_777_619);
  return hash >>> 0;
}

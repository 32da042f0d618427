import type { Library } from "../libraries/library.ts";

/** In the order of the table's columns. */
export const libraryNames: readonly string[] = ["Outrigger", "cockatiel", "opossum", "mollitia", "Effect"];

/** Loads one library and no other. */
export async function loadLibrary(name: string): Promise<Library> {
  switch (name) {
    case "Outrigger":
      return (await import("../libraries/outrigger.ts")).outrigger;
    case "cockatiel":
      return (await import("../libraries/cockatiel.ts")).cockatiel;
    case "opossum":
      return (await import("../libraries/opossum.ts")).opossum;
    case "mollitia":
      return (await import("../libraries/mollitia.ts")).mollitia;
    case "Effect":
      return (await import("../libraries/effect.ts")).effect;
    default:
      throw new RangeError(`no library is called ${name}; known: ${libraryNames.join(", ")}`);
  }
}

import type { HttpIntegration } from "../../integration.ts";

/** What a plug-in needs of an integration. */
export type Door = Pick<HttpIntegration, "name" | "baseUrl" | "exchange">;

/** The integration whose base URL is the longest that the URL lies at or below; undefined when there is none. */
export function doorFor(doors: readonly Door[], url: string): Door | undefined {
  let found: Door | undefined;
  for (const door of doors) {
    if (liesBelow(url, door.baseUrl) && door.baseUrl.length > (found?.baseUrl.length ?? 0)) found = door;
  }
  return found;
}

function liesBelow(url: string, baseUrl: string): boolean {
  if (!url.startsWith(baseUrl)) return false;
  const next = url[baseUrl.length];
  return next === undefined || next === "/" || next === "?" || next === "#";
}

/** @throws TypeError when somebody forgot to hand in an integration. */
export function assertDoors(plugIn: string, doors: readonly Door[]): void {
  if (doors.length === 0) throw new TypeError(`${plugIn} needs at least one integration`);
  for (const door of doors) {
    if (typeof door?.exchange === "function" && typeof door.baseUrl === "string") continue;
    throw new TypeError(`${plugIn} takes integrations, as httpIntegration() makes them`);
  }
}

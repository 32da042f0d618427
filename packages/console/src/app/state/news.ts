import type { ConsoleSnapshot } from "../../index.ts";
import type { Messages } from "../i18n/en.ts";
import { defectsOf } from "./history.ts";

/**
 * What a listener should hear about the step from one snapshot to the next: changes of state, in words.
 * Numbers that merely move are left out; they would talk without end.
 */
export function newsBetween(before: ConsoleSnapshot, after: ConsoleSnapshot, messages: Messages): string[] {
  const { news, faults, integrations, lanes } = messages;
  const said: string[] = [];
  if (before.shop.up !== after.shop.up) said.push(after.shop.up ? news.shopUp : news.shopDown);
  for (const { name, fault } of after.providers) {
    const earlier = before.providers.find((provider) => provider.name === name);
    if (earlier !== undefined && earlier.fault !== fault) said.push(news.fault(name, faults[fault].name));
  }
  for (const { name, breaker } of after.integrations) {
    const earlier = before.integrations.find((integration) => integration.name === name);
    if (earlier !== undefined && earlier.breaker.state !== breaker.state)
      said.push(news.circuit(name, integrations[breaker.state].name));
  }
  for (const lane of ["bare", "outrigger"] as const) {
    if (defectsOf(before.lanes[lane]) === 0 && defectsOf(after.lanes[lane]) > 0)
      said.push(news.firstDefect(lanes[lane].name));
  }
  return said;
}

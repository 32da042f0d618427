import { effect, type Signal, signal } from "@preact/signals";
import type { ConsoleSnapshot } from "../../index.ts";
import { messages } from "../i18n/language.ts";
import { connection, current } from "./feed.ts";
import { newsBetween } from "./news.ts";

/** Text of the page's polite live region. */
export const announcement: Signal<string> = signal("");

/** A screen reader needs this long for a sentence or two; what happens meanwhile is said together. */
const pauseMs = 3_000;

export function announceChanges(): void {
  let before: ConsoleSnapshot | undefined;
  let wasLost = false;
  const queue = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const flush = (): void => {
    timer = undefined;
    if (queue.size === 0) return;
    announcement.value = [...queue].join(" ");
    queue.clear();
    timer = setTimeout(flush, pauseMs);
  };
  const say = (sentences: readonly string[]): void => {
    for (const sentence of sentences) queue.add(sentence);
    // The first one waits a moment too: one click may change several things within the same second.
    if (queue.size > 0 && timer === undefined) timer = setTimeout(flush, 500);
  };

  effect(() => {
    const after = current.value;
    if (before !== undefined && after !== undefined) say(newsBetween(before, after, messages.peek()));
    before = after;
  });
  effect(() => {
    const lost = connection.value === "lost";
    if (lost !== wasLost) say([lost ? messages.peek().news.lost : messages.peek().news.live]);
    wasLost = lost;
  });
}

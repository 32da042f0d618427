import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { remember, remembered } from "../state/remembered.ts";
import { en, type Messages } from "./en.ts";
import { type Formats, formats, type Language } from "./format.ts";
import { ko } from "./ko.ts";

export const languages = ["en", "ko"] as const satisfies readonly Language[];

const catalogs: Readonly<Record<Language, Messages>> = { en, ko };

export const language: Signal<Language> = signal(remembered("language", languages) ?? preferred());
export const messages: ReadonlySignal<Messages> = computed(() => catalogs[language.value]);
export const format: ReadonlySignal<Formats> = computed(() => formats(language.value));

effect(() => {
  document.documentElement.lang = language.value;
  document.title = messages.value.title;
});

export function speak(choice: Language): void {
  language.value = choice;
  remember("language", choice);
}

function preferred(): Language {
  return navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
}

import { effect, type Signal, signal } from "@preact/signals";
import { remember, remembered } from "./remembered.ts";

export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

export const theme: Signal<Theme> = signal(remembered("theme", themes) ?? "auto");

/** Whether the page is dark now; the chart paints on a canvas, so it has to be told. */
export const dark: Signal<boolean> = signal(false);

const system = matchMedia("(prefers-color-scheme: dark)");
const follow = (): void => {
  dark.value = theme.value === "auto" ? system.matches : theme.value === "dark";
};

effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
  follow();
});
system.addEventListener("change", follow);

export function paint(choice: Theme): void {
  theme.value = choice;
  remember("theme", choice);
}

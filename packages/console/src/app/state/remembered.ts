const prefix = "outrigger.console.";

/** A choice of an earlier visit, or undefined when there is none, it is unknown, or storage is switched off. */
export function remembered<T extends string>(name: string, choices: readonly T[]): T | undefined {
  try {
    const stored = localStorage.getItem(prefix + name);
    return choices.find((choice) => choice === stored);
  } catch {
    return undefined;
  }
}

export function remember(name: string, choice: string): void {
  try {
    localStorage.setItem(prefix + name, choice);
  } catch {
    // Storage is switched off or full: the choice lasts as long as the page.
  }
}

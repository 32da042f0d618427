/** Lets the event loop see to everything else that waits, before `callback`. */
export function afterOthers(callback: () => void): void {
  setImmediate(callback);
}

/**
 * Calls back when the event loop has asked the kernel once for what has arrived.
 *
 * An immediate that is set while the loop handles input runs before the loop asks again; one that is set by an
 * immediate runs after. Two in a row are therefore enough from anywhere, and take microseconds on a loop with time.
 */
export function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback));
}

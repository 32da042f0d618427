/**
 * Calls `arrive` at a steady rate whatever happens to earlier arrivals, as real customers come.
 *
 * An arrival that the event loop delayed comes at once afterwards rather than never.
 *
 * @param perSecond - Range: > 0.
 * @returns a function that ends the arrivals.
 */
export function openLoop(perSecond: number, arrive: (arrival: number) => void): () => void {
  const startedAtMs = performance.now();
  let arrivals = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) / 1_000) * perSecond);
    while (arrivals < due) {
      arrivals += 1;
      arrive(arrivals);
    }
  }, 5);
  return () => clearInterval(timer);
}

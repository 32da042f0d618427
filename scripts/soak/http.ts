import { parseArgs } from "node:util";
import { type SoakReport, soak } from "../../packages/http/test/soak/soak.ts";

/** Half a million requests to a server that fails at random. @returns whether every bound held. */
export async function soakHttp(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      requests: { type: "string", default: "500000" },
      seed: { type: "string", default: "20260101" },
      width: { type: "string", default: "60" },
    },
  });
  const report = await soak({
    requests: Number(values.requests),
    seed: Number(values.seed),
    width: Number(values.width),
    onProgress: ({ done, of, perSecond, heapMb }) => {
      const percent = Math.round((100 * done) / of);
      console.error(
        `${percent} %: ${done} calls, ${perSecond.toFixed(0)} per second, heap ${heapMb.toFixed(1)} MB`,
      );
    },
  });
  if (values.json) console.log(JSON.stringify(report));
  else print(report);
  return report.bounds.every(({ holds }) => holds);
}

function print({ requests, seed, seconds, ended, events, pool, books, bounds }: SoakReport): void {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .toSorted(([, one], [, other]) => other - one)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  console.log(`${requests} calls in ${seconds.toFixed(0)} s, seed ${seed}, Node ${process.version}`);
  console.log(`calls ended: ${list(ended)}`);
  console.log(`events: ${list(events)}`);
  console.log(
    `the server received ${books.received} requests on ${books.connections} connections and applied ${books.applied} changes; ` +
      `${pool.reused} went out on a used connection, ${pool.staleResends} were resent at once`,
  );
  for (const { name, holds, measured } of bounds)
    console.log(`${holds ? "ok    " : "MISSED"} ${name}: ${measured}`);
}

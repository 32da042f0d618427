import type { JSX } from "preact";
import type { ConsoleSnapshot } from "../../index.ts";
import { format, messages } from "../i18n/language.ts";
import { defectsOf } from "../state/history.ts";

/** The chart for those who do not see it: about one row per half minute, newest first. */
export function ValueTable({ history }: { history: readonly ConsoleSnapshot[] }): JSX.Element {
  const { chart, lanes, controls, faults } = messages.value;
  const { count, duration, time } = format.value;
  return (
    <div class="visually-hidden">
      <table>
        <caption>{chart.table}</caption>
        <thead>
          <tr>
            <th scope="col">{chart.time}</th>
            {(["bare", "outrigger"] as const).flatMap((lane) => [
              <th key={`${lane}-p99`} scope="col">{`${lanes[lane].name}, p99`}</th>,
              <th key={`${lane}-defects`} scope="col">{`${lanes[lane].name}, ${lanes.defects.title}`}</th>,
            ])}
            <th scope="col">{chart.pending}</th>
            <th scope="col">{controls.providers}</th>
          </tr>
        </thead>
        <tbody>
          {sampled(history).map((snapshot) => (
            <tr key={snapshot.atMs}>
              <th scope="row">{time(snapshot.atMs)}</th>
              <td>{duration(snapshot.lanes.bare.p99Ms)}</td>
              <td>{count(defectsOf(snapshot.lanes.bare))}</td>
              <td>{duration(snapshot.lanes.outrigger.p99Ms)}</td>
              <td>{count(defectsOf(snapshot.lanes.outrigger))}</td>
              <td>{count(snapshot.lanes.outrigger.pending)}</td>
              <td>
                {snapshot.shop.up ? "" : `${chart.shop}: ${chart.shopDown}. `}
                {snapshot.providers.map(({ name, fault }) => `${name}: ${faults[fault].name}`).join(", ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const everyMs = 30_000;

function sampled(history: readonly ConsoleSnapshot[]): readonly ConsoleSnapshot[] {
  const rows: ConsoleSnapshot[] = [];
  for (const snapshot of history.toReversed()) {
    const last = rows.at(-1);
    if (last === undefined || last.atMs - snapshot.atMs >= everyMs) rows.push(snapshot);
  }
  return rows;
}

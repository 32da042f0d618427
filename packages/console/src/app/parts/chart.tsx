import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import type { ConsoleSnapshot } from "../../index.ts";
import { absent } from "../i18n/format.ts";
import { format, language, messages } from "../i18n/language.ts";
import { downtimesOf, faultsOf, type Series, seriesOf, spanOf } from "../state/history.ts";
import { dark } from "../state/theme.ts";
import { type Line, plot } from "./plot.ts";
import { Troubles } from "./troubles.tsx";
import { ValueTable } from "./value-table.tsx";

const bare: Line = { colour: "--bare", width: 2, dash: [7, 4] };
const outrigger: Line = { colour: "--outrigger", width: 2.5 };
const pending: Line = { colour: "--pending", width: 1.5, dash: [2, 3], stepped: true };

export function Chart({ history }: { history: readonly ConsoleSnapshot[] }): JSX.Element {
  const { chart } = messages.value;
  return (
    <section class="card chart" aria-labelledby="chart-title">
      <h2 id="chart-title">{chart.title}</h2>
      {history.length < 2 ? <p class="empty">{chart.empty}</p> : <Charts history={history} />}
    </section>
  );
}

function Charts({ history }: { history: readonly ConsoleSnapshot[] }): JSX.Element {
  const { chart, lanes } = messages.value;
  const { count, duration } = format.value;
  const series = seriesOf(history);
  const span = spanOf(history);
  const newest = history.at(-1);
  const providers = newest?.providers.map(({ name }) => name) ?? [];
  const troubles = [
    ...providers.map((name) => ({ name, found: faultsOf(history, name) })),
    { name: chart.shop, found: downtimesOf(history) },
  ];
  const marks = troubles.flatMap(({ found }) => found.map(({ from }) => from));
  return (
    <>
      <Plot
        title={chart.p99}
        logarithmic
        timed={false}
        height={150}
        lines={[bare, outrigger]}
        names={[lanes.bare.name, lanes.outrigger.name]}
        values={[series.p99.bare, series.p99.outrigger]}
        show={duration}
        {...{ series, span, marks }}
      />
      <Plot
        title={chart.defects}
        logarithmic={false}
        timed
        height={140}
        lines={[{ ...bare, stepped: true }, { ...outrigger, stepped: true }, pending]}
        names={[lanes.bare.name, lanes.outrigger.name, chart.pending]}
        values={[series.defects.bare, series.defects.outrigger, series.pending]}
        show={count}
        {...{ series, span, marks }}
      />
      <Troubles title={chart.happened} span={span} rows={troubles} />
      <ValueTable history={history} />
    </>
  );
}

interface PlotProps {
  readonly title: string;
  readonly logarithmic: boolean;
  readonly timed: boolean;
  readonly height: number;
  readonly lines: readonly Line[];
  readonly names: readonly string[];
  readonly values: readonly (readonly (number | null)[])[];
  readonly show: (value: number) => string;
  readonly series: Series;
  readonly span: number;
  readonly marks: readonly number[];
}

function Plot(props: PlotProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [cursor, setCursor] = useState<number | undefined>(undefined);

  // Colours and labels are baked into a chart, so another theme or language makes another one.
  const { value: spoken } = language;
  const { value: isDark } = dark;
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const chart = plot(element, {
      height: props.height,
      lines: props.lines,
      logarithmic: props.logarithmic,
      span: () => latest.current.span,
      marks: () => latest.current.marks,
      label: (value) => latest.current.show(value),
      ...(props.timed ? { timeLabel } : {}),
      onCursor: setCursor,
    });
    chart.setData(columns(latest.current));
    drawn.current = chart;
    const resizing = new ResizeObserver(() => {
      if (element.clientWidth !== chart.width)
        chart.setSize({ width: element.clientWidth, height: props.height });
    });
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      chart.destroy();
      drawn.current = undefined;
    };
  }, [spoken, isDark]);

  useEffect(() => {
    drawn.current?.setData(columns(props));
  }, [props.series]);

  const index = cursor ?? props.series.x.length - 1;
  return (
    <div class="plot">
      <div class="plot-head">
        <h3>{props.title}</h3>
        <ul class="legend" aria-hidden="true">
          {props.lines.map((line, position) => {
            const value = props.values[position]?.[index] ?? null;
            return (
              <li key={line.colour}>
                <svg
                  aria-hidden="true"
                  width="26"
                  height="8"
                  viewBox="0 0 26 8"
                  style={{ color: `var(${line.colour})` }}
                >
                  <path
                    class="legend-line"
                    d="M1 4h24"
                    stroke-width={line.width}
                    stroke-dasharray={line.dash?.join(" ")}
                  />
                </svg>
                {props.names[position]}
                <span class="number">{value === null ? absent : props.show(value)}</span>
              </li>
            );
          })}
        </ul>
      </div>
      <div ref={host} class="plot-host" aria-hidden="true" style={{ minHeight: `${props.height}px` }} />
    </div>
  );
}

function columns(props: PlotProps): uPlot.AlignedData {
  // A logarithmic axis has no place for 0: what is faster than its first line is drawn on that line.
  const place = (value: number | null): number | null =>
    value !== null && props.logarithmic ? Math.max(1, value) : value;
  return [[...props.series.x], ...props.values.map((column) => column.map(place))];
}

function timeLabel(seconds: number): string {
  const { chart } = messages.peek();
  const { rate } = format.peek();
  if (seconds === 0) return chart.now;
  return seconds > -60 ? chart.secondsAgo(rate(-seconds)) : chart.minutesAgo(rate(-seconds / 60));
}

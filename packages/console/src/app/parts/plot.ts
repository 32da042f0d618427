import uPlot from "uplot";

/** How one line is drawn; `dash` tells the lanes apart without colour. */
export interface Line {
  /** Custom property of the stylesheet, e.g. `--bare`. */
  readonly colour: string;
  readonly width: number;
  readonly dash?: readonly number[];
  readonly stepped?: boolean;
}

export interface PlotOptions {
  readonly height: number;
  readonly lines: readonly Line[];
  readonly logarithmic: boolean;
  /** Seconds shown, ending now. */
  readonly span: () => number;
  /** Instants to mark, in seconds relative to now. */
  readonly marks: () => readonly number[];
  readonly label: (value: number) => string;
  /** Left out where another chart with the same axis follows below. */
  readonly timeLabel?: (seconds: number) => string;
  readonly onCursor: (index: number | undefined) => void;
}

/** Left of the plot area; the stretches below the charts start at the same place. */
export const axisWidth = 58;
export const rightGap = 12;
const font = (host: Element): string => `12px ${getComputedStyle(host).fontFamily}`;

export function plot(host: HTMLElement, options: PlotOptions): uPlot {
  const colour = (name: string): string => resolved(host, name);
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--muted"), font: font(host), grid, ticks: { show: false } };
  const chart = new uPlot(
    {
      width: host.clientWidth,
      height: options.height,
      padding: [8, rightGap, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "outrigger" },
        drag: { x: false, y: false },
        points: { size: 7 },
      },
      scales: {
        x: { time: false, range: () => [-options.span(), 0] },
        y: options.logarithmic
          ? { distr: 3, range: (_chart, low, high) => [low < 10 ? 1 : 10, Math.max(1_000, high * 1.6)] }
          : { range: (_chart, _low, high) => [0, Math.max(5, high * 1.15)] },
      },
      axes: [
        {
          ...axis,
          size: options.timeLabel === undefined ? 8 : 28,
          splits: () => timeSplits(options.span()),
          values: (_chart, splits) => splits.map(options.timeLabel ?? (() => "")),
        },
        {
          ...axis,
          size: axisWidth,
          ...(options.logarithmic
            ? { splits: (chart: uPlot) => powersWithin(chart.scales["y"]), filter: keepAll }
            : { space: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 10_000, 100_000] }),
          values: (_chart, splits) => splits.map(options.label),
        },
      ],
      series: [
        {},
        ...options.lines.map((line) => ({
          stroke: colour(line.colour),
          width: line.width,
          points: { show: false },
          ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
          ...(line.stepped && stepped !== undefined ? { paths: stepped } : {}),
        })),
      ],
      hooks: {
        setCursor: [(chart) => options.onCursor(chart.cursor.idx ?? undefined)],
        drawAxes: [(chart) => drawMarks(chart, options.marks(), colour("--mark"))],
      },
    },
    [[], ...options.lines.map(() => [])],
    host,
  );
  return chart;
}

const stepped = uPlot.paths.stepped?.({ align: 1 });
const keepAll = (_chart: uPlot, splits: number[]): number[] => splits;

function drawMarks(chart: uPlot, marks: readonly number[], colour: string): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  for (const mark of marks) {
    const x = Math.round(chart.valToPos(mark, "x", true));
    if (x < bbox.left) continue;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

/** A canvas needs a plain colour; a custom property may still hold `light-dark(…)`. */
function resolved(host: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function timeSplits(span: number): number[] {
  const step = span <= 60 ? 15 : span <= 120 ? 30 : 60;
  return Array.from({ length: span / step + 1 }, (_, index) => -span + index * step);
}

function powersWithin({ min = 1, max = 1_000 }: uPlot.Scale = {}): number[] {
  return [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000].filter((power) => power >= min && power <= max);
}

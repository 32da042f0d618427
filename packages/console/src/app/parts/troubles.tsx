import type { JSX } from "preact";
import type { FaultKind } from "../../index.ts";
import { messages } from "../i18n/language.ts";
import type { Trouble } from "../state/history.ts";
import { axisWidth, rightGap } from "./plot.ts";

export interface TroubleRow {
  readonly name: string;
  readonly found: readonly Trouble<FaultKind | "down">[];
}

/** What was broken when, on the same axis as the charts above. */
export function Troubles(props: {
  readonly title: string;
  readonly span: number;
  readonly rows: readonly TroubleRow[];
}): JSX.Element {
  return (
    <div class="plot" aria-hidden="true">
      <div class="plot-head">
        <h3>{props.title}</h3>
      </div>
      {props.rows.map(({ name, found }) => (
        <div
          key={name}
          class="trouble-row"
          style={{ gridTemplateColumns: `${axisWidth}px 1fr`, paddingRight: `${rightGap}px` }}
        >
          <span class="trouble-name">{name}</span>
          <div class="trouble-track">
            {found.map((trouble) => (
              <Stretch key={trouble.from} trouble={trouble} span={props.span} />
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}

function Stretch({
  trouble,
  span,
}: {
  trouble: Trouble<FaultKind | "down">;
  span: number;
}): JSX.Element | null {
  const { faults, chart } = messages.value;
  const from = Math.max(-span, trouble.from);
  if (trouble.to < -span) return null;
  const name = trouble.kind === "down" ? chart.shopDown : faults[trouble.kind].name;
  const left = ((span + from) / span) * 100;
  const width = ((trouble.to - from) / span) * 100;
  return (
    <span class="trouble" title={name} style={{ left: `${left}%`, width: `${width}%` }}>
      {width >= readable ? name : ""}
    </span>
  );
}

/** Per cent of the axis below which a name would be cut off after a letter or two. */
const readable = 7;

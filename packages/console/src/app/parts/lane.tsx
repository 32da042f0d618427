import type { JSX } from "preact";
import type { ConsoleSnapshot, LaneSnapshot } from "../../index.ts";
import { absent } from "../i18n/format.ts";
import { format, messages } from "../i18n/language.ts";
import { defectsOf } from "../state/history.ts";
import { Cross, Tick } from "./icons.tsx";
import { Usage } from "./usage.tsx";

const defectKinds = ["chargedTwice", "chargedWithoutOrder", "orderWithoutCharge"] as const;
const countKinds = ["orders", "paid", "unpaid", "pending", "rejected"] as const;
const percentiles = [
  ["p50", "p50Ms"],
  ["p99", "p99Ms"],
  ["p99.9", "p999Ms"],
] as const;

export function Lanes({ snapshot }: { snapshot: ConsoleSnapshot | undefined }): JSX.Element {
  return (
    <section id="numbers" class="lanes" aria-labelledby="lanes-title" tabIndex={-1}>
      <h2 id="lanes-title" class="visually-hidden">
        {messages.value.lanes.title}
      </h2>
      <Lane kind="bare" lane={snapshot?.lanes.bare} />
      <Lane kind="outrigger" lane={snapshot?.lanes.outrigger} />
    </section>
  );
}

/** One lane; before the first snapshot the same card with dashes, so that nothing jumps when numbers arrive. */
function Lane(props: {
  readonly kind: "bare" | "outrigger";
  readonly lane: LaneSnapshot | undefined;
}): JSX.Element {
  const { lanes, usage } = messages.value;
  const { count, rate, duration } = format.value;
  const { kind, lane } = props;
  const title = `lane-${kind}`;
  return (
    <article class={`card lane lane-${kind}`} aria-labelledby={title}>
      <header class="lane-head">
        <h3 id={title}>
          {lanes[kind].name} <small>{lanes[kind].tag}</small>
        </h3>
        <p>{lanes[kind].description}</p>
      </header>

      <Verdict lane={lane} />
      <dl class="defects" aria-label={lanes.defects.title}>
        {defectKinds.map((defect) => {
          const value = lane?.[defect];
          const state = value === undefined ? "unknown" : value === 0 ? "good" : "bad";
          return (
            <div key={defect} class={`defect is-${state}`} data-defect={defect}>
              <dt>{lanes.defects[defect]}</dt>
              <dd class="number">
                {state === "good" && <Tick />}
                {state === "bad" && <Cross />}
                {value === undefined ? absent : count(value)}
              </dd>
            </div>
          );
        })}
      </dl>

      <dl class="figures" aria-label={lanes.counts.title}>
        {countKinds.map((name) => (
          <div
            key={name}
            class={`figure${name === "pending" && (lane?.pending ?? 0) > 0 ? " is-unsettled" : ""}`}
            data-count={name}
          >
            <dt>{lanes.counts[name]}</dt>
            <dd class="number">{lane === undefined ? absent : count(lane[name])}</dd>
          </div>
        ))}
      </dl>
      <dl class="figures figures-speed" aria-label={lanes.speed.title}>
        <div class="figure" data-count="perSecond">
          <dt>{lanes.speed.perSecond}</dt>
          <dd class="number">{lane === undefined ? absent : rate(lane.perSecond)}</dd>
        </div>
        {percentiles.map(([label, key]) => (
          <div key={key} class="figure" data-count={key}>
            <dt>{label}</dt>
            <dd class="number">{duration(lane?.[key] ?? null)}</dd>
          </div>
        ))}
      </dl>

      <Usage
        label={lanes.database}
        inUse={lane?.database.inUse ?? 0}
        total={lane?.database.connections ?? 0}
        extra={usage.waiting(count(lane?.database.waiting ?? 0))}
      />
    </article>
  );
}

function Verdict({ lane }: { lane: LaneSnapshot | undefined }): JSX.Element {
  const { verdict } = messages.value.lanes;
  if (lane === undefined || lane.orders === 0) return <p class="verdict is-unknown">{verdict.empty}</p>;
  const defects = defectsOf(lane);
  return defects === 0 ? (
    <p class="verdict is-good">
      <Tick /> {verdict.good}
    </p>
  ) : (
    <p class="verdict is-bad">
      <Cross /> {verdict.bad(defects, format.value.count(defects))}
    </p>
  );
}

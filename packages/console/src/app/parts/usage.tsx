import type { JSX } from "preact";
import { absent } from "../i18n/format.ts";
import { format, messages } from "../i18n/language.ts";

/** A bar of what is taken out of what there is. With few enough of them each one is a cell of its own. */
export function Usage(props: {
  readonly label: string;
  readonly inUse: number;
  readonly total: number;
  readonly extra: string;
}): JSX.Element {
  const { usage } = messages.value;
  const { count } = format.value;
  const known = props.total > 0;
  const full = known && props.inUse >= props.total;
  const text = known ? usage.of(count(props.inUse), count(props.total)) : absent;
  const ratio = known ? Math.min(1, props.inUse / props.total) : 0;
  return (
    <div class={`usage${full ? " is-full" : ""}`}>
      <div class="usage-text">
        <span class="usage-label">{props.label}</span>
        <span class="number">{text}</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers do not let the parts of a <meter> be styled alike. */}
      <div
        role="meter"
        class={`usage-bar${props.total <= maxCells ? " has-cells" : ""}`}
        aria-label={props.label}
        aria-valuemin={0}
        aria-valuemax={props.total}
        aria-valuenow={Math.min(props.inUse, props.total)}
        aria-valuetext={text}
        style={{ "--ratio": String(ratio), "--cells": String(Math.max(1, props.total)) }}
      >
        <span class="usage-fill" />
      </div>
      <div class="usage-text usage-extra number">
        <span class="usage-label">{known ? props.extra : absent}</span>
        {full && <strong class="usage-full">{usage.full}</strong>}
      </div>
    </div>
  );
}

const maxCells = 40;

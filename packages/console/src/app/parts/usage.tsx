import type { JSX } from "preact";
import { format, messages } from "../i18n/language.ts";

/** A bar of what is taken out of what there is. With few enough of them each one is a cell of its own. */
export function Usage(props: {
  readonly label: string;
  readonly inUse: number;
  readonly total: number;
  readonly extras: readonly string[];
}): JSX.Element {
  const { usage } = messages.value;
  const { count } = format.value;
  const full = props.total > 0 && props.inUse >= props.total;
  const text = usage.of(count(props.inUse), count(props.total));
  const ratio = props.total > 0 ? Math.min(1, props.inUse / props.total) : 0;
  return (
    <div class={`usage${full ? " is-full" : ""}`}>
      <div class="usage-text">
        <span class="usage-label">{props.label}</span>
        <span class="number">{text}</span>
        {full && <strong class="usage-full">{usage.full}</strong>}
      </div>
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
      {props.extras.length > 0 && (
        <ul class="usage-extras number">
          {props.extras.map((extra) => (
            <li key={extra}>{extra}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

const maxCells = 40;

import type { JSX } from "preact";
import { messages } from "../i18n/language.ts";
import { complaint } from "../state/actions.ts";
import { announcement } from "../state/announcer.ts";
import { connection, current, snapshots, unreadable } from "../state/feed.ts";
import { Chart } from "./chart.tsx";
import { Controls } from "./controls.tsx";
import { Header } from "./header.tsx";
import { Cross, Warning } from "./icons.tsx";
import { Integrations } from "./integrations.tsx";
import { Lanes } from "./lane.tsx";
import { Operations } from "./operations.tsx";

export function Page(): JSX.Element {
  const text = messages.value;
  const snapshot = current.value;
  const stale = connection.value === "lost" && snapshot !== undefined;
  return (
    <>
      <a class="skip" href="#numbers">
        {text.skip}
      </a>
      <Header shop={snapshot?.shop} />
      <main class={stale ? "is-stale" : ""} aria-busy={snapshot === undefined}>
        <div class="intro">
          <h1>{text.headline}</h1>
          <p class="lead">{text.lead}</p>
          {connection.value === "lost" && (
            <p class="banner is-bad" data-banner="lost">
              <Warning /> {snapshot === undefined ? text.connection.lost : text.connection.lostDetail}
            </p>
          )}
          {unreadable.value && (
            <p class="banner is-bad" role="alert">
              <Warning /> {text.connection.unreadable}
            </p>
          )}
        </div>
        <Lanes snapshot={snapshot} />
        <Controls snapshot={snapshot} />
        <Chart history={snapshots.value} />
        <Operations />
        <Integrations integrations={snapshot?.integrations ?? []} />
      </main>
      <Complaint />
      <p class="visually-hidden" aria-live="polite" data-live>
        {announcement.value}
      </p>
    </>
  );
}

/** What the user asked for and did not get; stays until dismissed or until something else is tried. */
function Complaint(): JSX.Element {
  const { errors } = messages.value;
  return (
    <div class="complaint" role="alert">
      {complaint.value !== undefined && (
        <p class="banner is-bad">
          <Warning />
          <span>{complaint.value}</span>
          <button
            type="button"
            class="icon-button"
            aria-label={errors.dismiss}
            onClick={() => {
              complaint.value = undefined;
            }}
          >
            <Cross />
          </button>
        </p>
      )}
    </div>
  );
}

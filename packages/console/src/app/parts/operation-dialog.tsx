import { type Signal, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { OperationDetail, OperationMove } from "../../operations.ts";
import { messages } from "../i18n/language.ts";
import { make, moveTrouble, moving, opened } from "../state/operations.ts";
import { Cross } from "./icons.tsx";

type Move = OperationMove["move"];

/** Asked for once in a visit, not once for each operation. */
const person: Signal<string> = signal("");

/** One operation's story, and what can be done about it. */
export function OperationDialog(): JSX.Element {
  const detail = opened.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const id = detail?.id;
  useEffect(() => {
    if (id !== undefined && dialog.current?.open === false) dialog.current.showModal();
  }, [id]);
  return (
    <dialog
      ref={dialog}
      class="card operation"
      aria-labelledby="operation-title"
      onClose={() => {
        opened.value = undefined;
      }}
    >
      {detail !== undefined && <Story detail={detail} close={() => dialog.current?.close()} />}
    </dialog>
  );
}

function Story({ detail, close }: { detail: OperationDetail; close: () => void }): JSX.Element {
  const { operations } = messages.value;
  const { state, lastError } = detail;
  return (
    <>
      <header class="operation-head">
        <h2 id="operation-title">
          {detail.operation} {detail.key}
        </h2>
        <button type="button" class="icon-button" aria-label={operations.close} onClick={close}>
          <Cross />
        </button>
      </header>
      <p>
        <span class={`state is-${state}`}>{state}</span> {operations.states[state]}. {operations.provider}:{" "}
        {detail.provider}
      </p>
      {lastError !== null && (
        <p class="operation-error">
          {operations.lastError}: <span lang="en">{[lastError.code, lastError.message].join(" ")}</span>
        </p>
      )}
      <h3>{operations.history}</h3>
      <ol class="history">
        {detail.history.map((entry) => (
          <li key={`${entry.at} ${entry.to} ${entry.why}`}>
            <time class="number" dateTime={entry.at}>
              {entry.at.slice(0, 19).replace("T", " ")}
            </time>{" "}
            <strong>{entry.from === null ? entry.to : `${entry.from} → ${entry.to}`}</strong>{" "}
            <span lang="en">
              {entry.why}
              {entry.evidence !== null && `: ${entry.evidence}`}
            </span>
            {entry.by !== null && ` (${operations.by(entry.by)})`}
          </li>
        ))}
      </ol>
      <Act key={`${detail.id} ${state}`} detail={detail} />
    </>
  );
}

function movesOf({ possible }: OperationDetail): readonly Move[] {
  return possible.flatMap((each): readonly Move[] => (each === "resolve" ? ["commit", "abandon"] : [each]));
}

function Act({ detail }: { detail: OperationDetail }): JSX.Element {
  const { operations } = messages.value;
  const moves = movesOf(detail);
  const [move, setMove] = useState<Move | undefined>(undefined);
  const [reason, setReason] = useState("");
  if (moves.length === 0) return <p class="empty">{operations.settled}</p>;
  const ready = move !== undefined && reason.trim() !== "" && person.value.trim() !== "" && !moving.value;
  return (
    <form
      class="act"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void make(detail.id, { move, reason, by: person.value });
      }}
    >
      <fieldset>
        <legend>{operations.act}</legend>
        {moves.map((each) => (
          <label key={each} class="move">
            <input type="radio" name="move" checked={move === each} onChange={() => setMove(each)} />
            <span>
              <strong>{operations.moves[each].name}</strong> {operations.moves[each].explanation}
            </span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>{operations.reason}</span>
        <input value={reason} required onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>{operations.name}</span>
        <input
          value={person.value}
          required
          autocomplete="name"
          onInput={(event) => {
            person.value = event.currentTarget.value;
          }}
        />
      </label>
      {moveTrouble.value !== undefined && (
        <p class="banner is-bad" role="alert">
          {moveTrouble.value}
        </p>
      )}
      <button
        type="submit"
        class={`button is-danger${moving.value ? " is-pending" : ""}`}
        aria-disabled={!ready}
      >
        {operations.go}
      </button>
    </form>
  );
}

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type FaultKind, faultKinds, type ProviderSnapshot } from "../../snapshot.ts";
import { format, messages } from "../i18n/language.ts";
import { pendingFault, setFault } from "../state/actions.ts";
import { Choice } from "./choice.tsx";
import { Bolt, Clock, Tick, Warning } from "./icons.tsx";

/** Rows of the grid: the provider's name, then the faults with a caption above each group, then the counts. */
const captions = { charged: 3, notCharged: 7, other: 12 } as const;
const rows: Readonly<Record<FaultKind, number>> = {
  healthy: 2,
  applyThenHang: 4,
  applyThenReset: 5,
  applyLate: 6,
  hangBeforeApply: 8,
  resetBeforeRead: 9,
  refuse: 10,
  unavailable: 11,
  slow: 13,
  closeIdle: 14,
  dropCancelAnswer: 15,
  failInquiry: 16,
};
const chargesRow = 17;
const cancelsRow = 18;

interface Looked {
  readonly provider: string;
  readonly fault: FaultKind;
}

/** Faults down, providers across: each column is one radio group, and every state of every provider is in view. */
export function FaultMatrix(props: {
  readonly providers: readonly ProviderSnapshot[];
  readonly describedBy: string;
}): JSX.Element {
  const { controls, faults } = messages.value;
  const [looked, setLooked] = useState<Looked | undefined>(undefined);
  return (
    <>
      <div class="matrix" style={{ "--providers": String(props.providers.length) }}>
        <div class="matrix-labels" aria-hidden="true">
          {faultKinds.map((kind) => (
            <span
              key={kind}
              class={`matrix-label${looked?.fault === kind ? " is-looked-at" : ""}`}
              style={at(rows[kind])}
            >
              {faults[kind].name}
            </span>
          ))}
          {(["charged", "notCharged", "other"] as const).map((group) => (
            <span key={group} class="matrix-caption" style={at(captions[group])}>
              {controls.groups[group]}
            </span>
          ))}
          <span class="matrix-count-label" style={at(chargesRow)}>
            {controls.charges}
          </span>
          <span class="matrix-count-label" style={at(cancelsRow)}>
            {controls.cancels}
          </span>
        </div>
        {props.providers.map((provider) => (
          <Column
            key={provider.name}
            provider={provider}
            describedBy={props.describedBy}
            onLook={(fault) => setLooked(fault && { provider: provider.name, fault })}
          />
        ))}
      </div>
      <div class="fault-notes">
        {looked === undefined ? (
          props.providers.map(({ name, fault }) => (
            <Note key={name} provider={name} fault={pendingFault(name) ?? fault} />
          ))
        ) : (
          <Note provider={looked.provider} fault={looked.fault} />
        )}
      </div>
    </>
  );
}

function Column(props: {
  readonly provider: ProviderSnapshot;
  readonly describedBy: string;
  readonly onLook: (fault: FaultKind | undefined) => void;
}): JSX.Element {
  const { controls, faults } = messages.value;
  const { count } = format.value;
  const { name, fault, charges, cancels } = props.provider;
  const title = `provider-${name}`;
  return (
    <div class="matrix-column" data-provider={name} data-fault={fault}>
      <h4 id={title} class="matrix-name" style={at(1)}>
        {fault === "down" && <Warning />}
        {name}
      </h4>
      <Choice
        class="faults"
        labelledBy={title}
        describedBy={props.describedBy}
        options={faultKinds}
        selected={fault === "down" ? undefined : fault}
        pending={pendingFault(name)}
        arrows="move"
        nameOf={(kind) => faults[kind].name}
        rowOf={(kind) => rows[kind] - rows.healthy + 1}
        onChoose={(kind) => setFault(name, kind)}
        onPreview={props.onLook}
      >
        {(kind, state) => {
          if (state === "pending") return <Clock />;
          if (state === "idle") return <span class="ring" />;
          return kind === "healthy" ? <Tick /> : <Bolt />;
        }}
      </Choice>
      <p class="matrix-count number" style={at(chargesRow)} data-count="charges">
        <span class="visually-hidden">{controls.charges} </span>
        {count(charges)}
      </p>
      <p class="matrix-count number" style={at(cancelsRow)} data-count="cancels">
        <span class="visually-hidden">{controls.cancels} </span>
        {count(cancels)}
      </p>
    </div>
  );
}

function Note(props: { readonly provider: string; readonly fault: FaultKind | "down" }): JSX.Element {
  const { name, explanation } = messages.value.faults[props.fault];
  return (
    <p>
      <strong>
        {props.provider} · {name}
      </strong>{" "}
      {explanation}
    </p>
  );
}

function at(row: number): { gridRow: string } {
  return { gridRow: String(row) };
}

import type { JSX } from "preact";
import type { ConsoleSnapshot } from "../../index.ts";
import { format, messages } from "../i18n/language.ts";
import { healAll, killing, killShop, pendingFault, pendingTraffic, setTraffic } from "../state/actions.ts";
import { hintFor } from "../state/hint.ts";
import { Choice } from "./choice.tsx";
import { FaultMatrix } from "./fault-matrix.tsx";
import { Heal, Power } from "./icons.tsx";

const rates = [0, 5, 20] as const;

export function Controls({ snapshot }: { snapshot: ConsoleSnapshot | undefined }): JSX.Element {
  const { controls, hints, waiting } = messages.value;
  const providers = snapshot?.providers ?? [];
  const healing = providers.some(({ name }) => pendingFault(name) === "healthy");
  const healable =
    providers.some(({ fault }) => fault !== "healthy") &&
    providers.every(({ name }) => pendingFault(name) === undefined);
  return (
    <aside class="card controls" aria-labelledby="controls-title">
      <h2 id="controls-title">{controls.title}</h2>
      <p class="hint">
        <strong>{hints.label}</strong> {snapshot === undefined ? `${waiting} …` : hints[hintFor(snapshot)]}
      </p>

      <div class="control">
        <h3 id="traffic-title">{controls.traffic}</h3>
        <Choice
          class="segments is-wide"
          labelledBy="traffic-title"
          options={rates}
          selected={rates.find((rate) => rate === snapshot?.traffic.perSecond)}
          pending={rates.find((rate) => rate === pendingTraffic.value)}
          arrows="move"
          nameOf={(rate) => (rate === 0 ? controls.noCustomers : format.value.count(rate))}
          onChoose={setTraffic}
        >
          {(rate) => <span class="number">{format.value.count(rate)}</span>}
        </Choice>
      </div>

      <div class="control">
        <h3>{controls.providers}</h3>
        <p id="faults-keys" class="visually-hidden">
          {controls.keys}
        </p>
        {providers.length === 0 ? (
          <p class="empty">{controls.noProviders}</p>
        ) : (
          <FaultMatrix providers={providers} describedBy="faults-keys" />
        )}
      </div>

      <div class="control actions">
        <button
          type="button"
          class={`button is-calm${healing ? " is-pending" : ""}`}
          aria-disabled={!healable}
          onClick={() => {
            if (healable) healAll(providers);
          }}
        >
          <Heal /> {controls.heal}
        </button>
        <button
          type="button"
          class={`button is-danger${killing.value ? " is-pending" : ""}`}
          aria-disabled={killing.value || snapshot?.shop.up !== true}
          onClick={() => {
            if (!killing.peek() && snapshot?.shop.up === true) killShop();
          }}
        >
          <Power /> {controls.kill}
        </button>
      </div>
    </aside>
  );
}

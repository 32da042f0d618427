import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type OperationFilter, type OperationRow, operationStates } from "../../operations.ts";
import { format, messages } from "../i18n/language.ts";
import {
  choose,
  filter,
  listTrouble,
  loadMore,
  open,
  rest,
  rows,
  watchOperations,
} from "../state/operations.ts";
import { OperationDialog } from "./operation-dialog.tsx";

/** What the ledger has, for whoever opens it; closed it asks for nothing. */
export function Operations(): JSX.Element {
  const { operations } = messages.value;
  const [looking, setLooking] = useState(false);
  useEffect(() => (looking ? watchOperations() : undefined), [looking]);
  return (
    <details class="card operations" onToggle={(event) => setLooking(event.currentTarget.open)}>
      <summary>
        <h2>{operations.title}</h2>
        <span class="operations-lead">{operations.lead}</span>
      </summary>
      {looking && <Desk />}
      <OperationDialog />
    </details>
  );
}

function Desk(): JSX.Element {
  const { operations } = messages.value;
  const found = rows.value;
  return (
    <div class="desk" aria-busy={found === undefined}>
      <label class="field">
        <span>{operations.filter}</span>
        <select
          value={filter.value}
          onChange={(event) => choose(event.currentTarget.value as OperationFilter)}
        >
          <option value="OPEN">{operations.open}</option>
          {operationStates.map((state) => (
            <option key={state} value={state}>
              {state}: {operations.states[state]}
            </option>
          ))}
        </select>
      </label>
      {listTrouble.value !== undefined && (
        <p class="banner is-bad" role="alert">
          {listTrouble.value}
        </p>
      )}
      {found?.length === 0 && <p class="empty">{operations.none}</p>}
      {found !== undefined && found.length > 0 && <Rows found={found} />}
      {rest.value !== undefined && (
        <button type="button" class="button" onClick={() => void loadMore()}>
          {operations.more}
        </button>
      )}
    </div>
  );
}

function Rows({ found }: { found: readonly OperationRow[] }): JSX.Element {
  const { operations } = messages.value;
  const { head } = operations;
  return (
    <div class="desk-rows">
      <table aria-label={operations.title}>
        <thead>
          <tr>
            <th scope="col">{head.state}</th>
            <th scope="col">{head.key}</th>
            <th scope="col">{head.age}</th>
            <th scope="col">{head.next}</th>
          </tr>
        </thead>
        <tbody>
          {found.map((row) => (
            <tr key={row.id} data-operation={row.key}>
              <td>
                <span class={`state is-${row.state}`}>{row.state}</span>
              </td>
              <td>
                <button
                  type="button"
                  class="link"
                  aria-label={operations.look(`${row.operation} ${row.key}`)}
                  onClick={() => void open(row.id)}
                >
                  {row.operation} {row.key}
                </button>
              </td>
              <td class="number">{format.value.span(Date.parse(row.asOf) - Date.parse(row.createdAt))}</td>
              <td class="number">{nextOf(row)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function nextOf({ state, nextAt, asOf }: OperationRow): string {
  const { next } = messages.value.operations;
  if (state === "MANUAL") return next.person;
  if (nextAt === null) return next.ended;
  const lateMs = Date.parse(asOf) - Date.parse(nextAt);
  const { countdown, span } = format.value;
  if (lateMs > 1_000) return next.late(span(lateMs));
  return next.in(lateMs > -60_000 ? countdown(-lateMs) : span(-lateMs));
}

import type { Inquiry } from "../operation/definition.ts";
import { messageOf } from "../run/describe.ts";
import type { AnyDefinition, Engine } from "../run/engine.ts";
import { observationOf, observe } from "../run/observe.ts";
import { storableText } from "../store/storable-text.ts";
import type { ActedClass, ReconciliationSettings } from "./options.ts";
import type { LocalRow, RemoteRow } from "./rows.ts";
import type { Finding, ReconciliationTables } from "./tables.ts";

interface Sides {
  readonly remote: readonly RemoteRow[];
  readonly local: LocalRow | null;
}

const pageFindings = 200;

/** Does what is to be done about findings, also about those that a process before this one left. */
export async function actOnFindings<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  settings: ReconciliationSettings,
  tables: ReconciliationTables<Tx>,
): Promise<void> {
  let after: Finding | undefined;
  for (;;) {
    const findings = await tables.pending(after, pageFindings);
    for (const finding of findings) {
      try {
        const outcome = await act(engine, definition, settings, finding);
        await tables.acted(finding, "done", storableText(outcome));
      } catch (error) {
        // Tried again by the next run; the others are not kept waiting.
        await tables.acted(finding, "pending", storableText(`failed: ${messageOf(error)}`));
      }
    }
    after = findings.at(-1);
    if (findings.length < pageFindings || after === undefined) return;
  }
}

async function act<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  settings: ReconciliationSettings,
  finding: Finding,
): Promise<string> {
  const action = settings.on[finding.class as ActedClass];
  if (typeof action === "function") return String(await action(finding));
  if (action !== "apply") return "left: its class is only reported now";
  const { remote, local } = finding.details as Sides;
  if (local === null) return "left: the ledger has no operation with this key";
  const learnt = evidenceOf(settings, finding, remote);
  const observed = await observe(
    engine,
    definition,
    () => engine.store.findByKey(settings.rows.operation, local.ledgerKey),
    observationOf(definition, learnt, {
      by: `reconciliation ${settings.name} ${finding.day}`,
      provider: settings.rows.provider,
    }),
  );
  return observed ?? "left: the operation is gone";
}

function evidenceOf(
  settings: ReconciliationSettings,
  finding: Finding,
  remote: readonly RemoteRow[],
): Inquiry<unknown> {
  const succeeded = remote.find(({ status }) => status === "succeeded");
  if (succeeded !== undefined) return { status: "found", result: settings.result?.(succeeded) };
  if (finding.class === "doneWithoutRemote") {
    return {
      status: "refused",
      code: "NOT_ON_STATEMENT",
      message: `the provider lists nothing for ${finding.day}`,
    };
  }
  const said = remote.at(-1)?.status ?? "refused";
  return { status: "refused", code: said.toUpperCase(), message: `the provider lists it as ${said}` };
}

import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { Inquiry } from "../operation/definition.ts";
import { storableText } from "../store/storable-text.ts";
import { callProvider } from "./call-provider.ts";
import { about, codeOf, messageOf, textOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held } from "./engine.ts";
import { type Evidence, succeeded } from "./evidence.ts";
import type { StopSignal } from "./stop-signal.ts";

export async function inquire<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  signal: StopSignal | undefined,
): Promise<Evidence> {
  const provider = currentProvider(definition, held.row);
  if (provider === undefined) return gone(held, "inquiryFailed");
  const { functions } = provider;
  if (functions.inquire === undefined) {
    return {
      kind: "notFound",
      message: "the provider has no inquiry",
      askedAtMs: engine.clock.now(),
    };
  }
  return await asked(engine, held, "inquiry", () =>
    callProvider(engine, definition, held, signal, async (input, info) => functions.inquire?.(input, info))
      .then(inquiryEvidence)
      .catch((error: unknown) => failed("inquiryFailed", error)),
  );
}

/** Whatever came from outside, as text that can be stored. */
function textOr(fallback: string, value: unknown): string {
  return value === undefined || value === null ? fallback : storableText(textOf(value));
}

export function inquiryEvidence(answer: Inquiry<unknown> | undefined): Evidence {
  switch (answer?.status) {
    case "found":
      return succeeded(answer.result);
    case "notFound":
    case "inProgress":
      return { kind: answer.status };
    case "refused": {
      const code = textOr(ledgerFailureCodes.refused, answer.code);
      const message = textOr("the provider refused it", answer.message);
      return { kind: "refused", code, message, failure: { code, message, kind: "refused", effect: "none" } };
    }
    default:
      return {
        kind: "inquiryFailed",
        code: ledgerFailureCodes.inquiryInvalid,
        message: 'inquire must return { status: "found" | "notFound" | "inProgress" | "refused" }',
      };
  }
}

export async function cancel<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  signal: StopSignal | undefined,
): Promise<Evidence> {
  const provider = currentProvider(definition, held.row);
  if (provider?.functions.cancel === undefined) return gone(held, "cancelFailed");
  const { functions } = provider;
  const result: unknown = held.row.result === undefined ? undefined : JSON.parse(held.row.result);
  return await asked(engine, held, "cancel", () =>
    callProvider(engine, definition, held, signal, async (input, info) =>
      functions.cancel?.(input, { ...info, result }),
    ).then((): Evidence => ({ kind: "cancelled" }), cancelEvidence),
  );
}

function cancelEvidence(error: unknown): Evidence {
  // Only a "no" that certainly did nothing is final: a 429 or a 409 is a refusal of this one try.
  const final = Failure.is(error) && error.kind === "refused" && error.effect === "none";
  return failed(final ? "cancelRefused" : "cancelFailed", error);
}

/** What an event says of an error is for a glance; the record has more. */
const eventTextAtMost = 200;

/** One question to the provider, with the steps around it and the event that tells of its end. */
async function asked<Tx>(
  engine: Engine<Tx>,
  held: Held,
  what: "inquiry" | "cancel",
  ask: () => Promise<Evidence>,
): Promise<Evidence> {
  await engine.step(`${what}.before`);
  await engine.turn.hold();
  const startedAtMs = engine.clock.now();
  const evidence = await ask();
  engine.emit({
    type: `${what}Ended`,
    evidence: evidence.kind,
    code: evidence.code,
    message: evidence.message === undefined ? undefined : storableText(evidence.message, eventTextAtMost),
    durationMs: engine.clock.now() - startedAtMs,
    ...about(held.row),
  });
  await engine.step(`${what}.after`);
  return { ...evidence, askedAtMs: startedAtMs };
}

function failed(kind: "inquiryFailed" | "cancelFailed" | "cancelRefused", error: unknown): Evidence {
  return { kind, code: codeOf(error), message: messageOf(error) };
}

/** The definition no longer has what the row needs; it waits for a process that has. */
export function gone(held: Held, kind: "inquiryFailed" | "cancelFailed" | "unclear"): Evidence {
  return {
    kind,
    code: ledgerFailureCodes.providerGone,
    message: `provider "${held.row.provider}" is not defined here with what this needs`,
  };
}

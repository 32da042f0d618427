import type { JSX } from "preact";
import type { IntegrationSnapshot } from "../../index.ts";
import { format, messages } from "../i18n/language.ts";
import { Clock, circuitIcons } from "./icons.tsx";
import { Usage } from "./usage.tsx";

export function Integrations(props: { readonly integrations: readonly IntegrationSnapshot[] }): JSX.Element {
  const { integrations } = messages.value;
  return (
    <section class="integrations" aria-labelledby="integrations-title">
      <h2 id="integrations-title">{integrations.title}</h2>
      {props.integrations.length === 0 ? (
        <p class="card empty">{integrations.none}</p>
      ) : (
        <div class="integration-list">
          {props.integrations.map((integration) => (
            <Integration key={integration.name} integration={integration} />
          ))}
        </div>
      )}
    </section>
  );
}

function Integration({ integration }: { integration: IntegrationSnapshot }): JSX.Element {
  const { integrations: text, usage } = messages.value;
  const { count, countdown } = format.value;
  const { breaker, concurrency, pool } = integration;
  const counted =
    breaker.calls === 0 ? text.quiet : text.failed(count(breaker.failures), count(breaker.calls));
  const State = circuitIcons[breaker.state];
  const title = `integration-${integration.name}`;
  return (
    <article class="card integration" aria-labelledby={title} data-integration={integration.name}>
      <h3 id={title}>{integration.name}</h3>
      <div class={`circuit is-${breaker.state}`}>
        <p class="circuit-state">
          <State />
          <span class="circuit-label">{text.circuit}</span>
          <strong>{text[breaker.state].name}</strong>
          {breaker.state === "open" && breaker.retryAfterMs !== null && (
            <span class="circuit-wait number">
              <Clock /> {text.halfOpenIn(countdown(breaker.retryAfterMs))}
            </span>
          )}
        </p>
        <p class="circuit-why">{text[breaker.state].explanation}</p>
        <p class="circuit-why number">
          {breaker.reason === null ? (
            counted
          ) : (
            // The reason is written by the policy, in English, with the numbers that decided.
            <>
              {text.reason}: <span lang="en">{breaker.reason}</span>
            </>
          )}
        </p>
      </div>
      <div class="usages">
        <Usage
          label={text.concurrency}
          inUse={concurrency.inUse}
          total={concurrency.limit}
          extra={usage.rejected(count(concurrency.rejected))}
        />
        <Usage
          label={text.pool}
          inUse={pool.inUse}
          total={pool.connections}
          extra={usage.waiting(count(pool.waiting))}
        />
      </div>
    </article>
  );
}

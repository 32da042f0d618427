import type { JSX } from "preact";
import type { ShopSnapshot } from "../../index.ts";
import { format, language, languages, messages, speak } from "../i18n/language.ts";
import { connection } from "../state/feed.ts";
import { paint, theme, themes } from "../state/theme.ts";
import { Choice } from "./choice.tsx";
import { Clock, Mark, Power, Tick, Warning } from "./icons.tsx";

const ownNames = { en: "English", ko: "한국어" } as const;

export function Header({ shop }: { shop: ShopSnapshot | undefined }): JSX.Element {
  const text = messages.value;
  return (
    <header class="top">
      <p class="brand">
        <Mark />
        Outrigger <span>{text.brand}</span>
      </p>
      <ul class="states">
        <li>
          <ConnectionBadge />
        </li>
        {shop !== undefined && (
          <li>
            <ShopBadge shop={shop} />
          </li>
        )}
      </ul>
      <div class="switches">
        <Choice
          class="segments"
          label={text.language}
          options={languages}
          selected={language.value}
          arrows="choose"
          nameOf={(option) => ownNames[option]}
          onChoose={speak}
        >
          {(option) => <span lang={option}>{ownNames[option]}</span>}
        </Choice>
        <Choice
          class="segments"
          label={text.theme.name}
          options={themes}
          selected={theme.value}
          arrows="choose"
          nameOf={(option) => text.theme[option]}
          onChoose={paint}
        >
          {(option) => text.theme[option]}
        </Choice>
      </div>
    </header>
  );
}

function ConnectionBadge(): JSX.Element {
  const state = connection.value;
  const tone = { connecting: "is-unknown", live: "is-good", lost: "is-bad" }[state];
  return (
    <span class={`badge ${tone}`} data-connection={state}>
      {state === "live" ? <Tick /> : state === "lost" ? <Warning /> : <Clock />}
      {messages.value.connection[state]}
    </span>
  );
}

function ShopBadge({ shop }: { shop: ShopSnapshot }): JSX.Element {
  const text = messages.value.shop;
  return (
    <span class={`badge ${shop.up ? "is-good" : "is-bad"}`} data-shop={shop.up ? "up" : "down"}>
      {shop.up ? <Tick /> : <Power />}
      {shop.up ? text.up : text.down}
      {shop.restarts > 0 && (
        <span class="badge-more number">
          {text.restarts(shop.restarts, format.value.count(shop.restarts))}
        </span>
      )}
    </span>
  );
}

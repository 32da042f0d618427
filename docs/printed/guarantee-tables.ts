import {
  type Capabilities,
  createLedger,
  fromPgPool,
  type Guarantee,
  type GuaranteeLevel,
  type NotFoundPolicy,
} from "@outrigger/ledger";
import pg from "pg";
import type { Language } from "./state-picture.ts";

/** From the least to the most. */
const levels: readonly GuaranteeLevel[] = [
  "none",
  "detect-only",
  "eventually-consistent",
  "exactly-once-effect",
];
const policies: readonly (NotFoundPolicy | undefined)[] = [undefined, "cancel", "resend", "fail", "manual"];

type Cancel = "none" | "plain" | "blocksLate";

interface Provider {
  readonly inquiry: boolean;
  readonly cancel: Cancel;
  readonly key?: true;
  readonly maxInFlight?: true;
  readonly statements?: true;
}

interface Best {
  readonly guarantee: Guarantee;
  /** Undefined where the default gives it. */
  readonly policy: NotFoundPolicy | undefined;
}

/** What each definition promises is asked of the ledger itself, so that a table cannot say anything else. */
function best(provider: Provider): Best {
  const found: Best[] = [];
  for (const policy of policies) {
    const guarantee = promised(provider, policy);
    if (guarantee !== undefined) found.push({ guarantee, policy });
  }
  return found.reduce((a, b) => (isBetter(b, a) ? b : a));
}

/** Of two that promise the same, the one that keeps it sooner. */
function isBetter(a: Best, b: Best): boolean {
  const [better, worse] = [a, b].map(({ guarantee }) => levels.indexOf(guarantee.level));
  if (better !== worse) return (better ?? 0) > (worse ?? 0);
  return (a.guarantee.boundMs ?? 0) < (b.guarantee.boundMs ?? 0);
}

/** @returns undefined when such a definition is refused. */
function promised(provider: Provider, onNotFound: NotFoundPolicy | undefined): Guarantee | undefined {
  const ledger = createLedger({ sql: fromPgPool(new pg.Pool()) });
  const { inquiry, cancel } = provider;
  const capabilities: Capabilities = {
    ...(provider.key && { idempotencyKey: { window: "1d" } }),
    ...(provider.maxInFlight && { maxInFlight: "1m" }),
    ...(provider.statements && { statements: { delay: "1d" } }),
    ...(cancel !== "none" && { cancel: { blocksLateOriginal: cancel === "blocksLate" } }),
  };
  try {
    return ledger.operation("pay", {
      prepare: () => {},
      call: async () => {},
      ...(inquiry && { inquire: async () => ({ status: "notFound" as const }) }),
      ...(cancel !== "none" && { cancel: async () => {} }),
      commit: () => {},
      abandon: () => {},
      capabilities,
      unknown: onNotFound === undefined ? {} : { onNotFound },
      accept: "none",
    }).guarantee;
  } catch {
    return undefined;
  }
}

const words: Readonly<
  Record<Language, Readonly<Record<GuaranteeLevel | Cancel | "inquiry" | "noInquiry", string>>>
> = {
  en: {
    "exactly-once-effect": "**exactly once**",
    "eventually-consistent": "eventually",
    "detect-only": "detected",
    none: "none",
    plain: "a cancel",
    blocksLate: "a cancel that stops a late original",
    inquiry: "an inquiry",
    noInquiry: "no inquiry",
  },
  ko: {
    "exactly-once-effect": "**정확히 한 번**",
    "eventually-consistent": "결국 일치",
    "detect-only": "감지만",
    none: "없음",
    plain: "취소",
    blocksLate: "늦은 원거래도 막는 취소",
    inquiry: "조회 있음",
    noInquiry: "조회 없음",
  },
};

const extras: readonly (readonly [declared: Partial<Provider>, head: Readonly<Record<Language, string>>])[] =
  [
    [{}, { en: "and nothing else", ko: "그것뿐" }],
    [{ key: true }, { en: "and a key", ko: "멱등 키" }],
    [{ maxInFlight: true }, { en: "and a longest time in flight", ko: "최대 처리 시간" }],
    [{ statements: true }, { en: "and statements", ko: "정산 내역" }],
    [
      { key: true, maxInFlight: true, statements: true },
      { en: "and all three", ko: "셋 다" },
    ],
  ];

/** The best that a provider's abilities allow, with the policy that gets it where that is not the default. */
export function guaranteeTable(language: Language): string {
  const say = words[language];
  const head = [
    language === "en" ? "the provider has" : "제공자가 가진 것",
    ...extras.map(([, text]) => text[language]),
  ];
  const rows = (["none", "plain", "blocksLate"] as const).flatMap((cancel) =>
    [false, true].map((inquiry) => {
      const cells = extras.map(([declared]) => cell(best({ inquiry, cancel, ...declared }), language));
      const undo = cancel === "none" ? (language === "en" ? "no cancel" : "취소 없음") : say[cancel];
      return `| ${inquiry ? say.inquiry : say.noInquiry}, ${undo} | ${cells.join(" | ")} |`;
    }),
  );
  return [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...rows].join("\n");
}

function cell({ guarantee, policy }: Best, language: Language): string {
  return `${words[language][guarantee.level]}${policy === undefined ? "" : ` (\`${policy}\`)`}`;
}

/** What the ledger says of each promise, in its own words. */
export function reasonTable(language: Language): string {
  const providers = (["none", "plain", "blocksLate"] as const).flatMap((cancel) =>
    [false, true].flatMap((inquiry) => extras.map(([declared]) => best({ inquiry, cancel, ...declared }))),
  );
  const reasons = new Map(
    providers.map(({ guarantee }) => [guarantee.reason.replace(/^default: /, ""), guarantee.level]),
  );
  const rows = [...reasons].toSorted(([, a], [, b]) => levels.indexOf(b) - levels.indexOf(a));
  const head = language === "en" ? "| level | because |" : "| 수준 | 이유 |";
  return [head, "|---|---|", ...rows.map(([reason, level]) => `| \`${level}\` | ${reason} |`)].join("\n");
}

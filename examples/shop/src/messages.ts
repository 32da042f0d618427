import type { DatabaseKind } from "./database/shop-database.ts";
import type { LaneSummary } from "./storm/summary.ts";

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

interface Addresses {
  readonly shop: string;
  readonly console: string;
  readonly providers: readonly { readonly name: string; readonly url: string; readonly controlUrl: string }[];
}

/** What the terminal says. */
export interface Messages {
  readonly usage: string;
  readonly starting: Readonly<Record<DatabaseKind | "providers" | "shop" | "console", string>>;
  readonly ready: (addresses: Addresses) => string;
  readonly stopping: string;
  readonly phase: Readonly<Record<"storm" | "leaving" | "healing", string>>;
  readonly progress: (values: { sent: number; kills: number; faults: string; pending: string }) => string;
  readonly rows: Readonly<Record<keyof LaneSummary, string>>;
  readonly passed: string;
  readonly failed: string;
  readonly unusedFaults: (provider: string, kinds: string) => string;
  readonly evidence: (directory: string) => string;
}

const en: Messages = {
  usage: `Usage: npm start -- [options]

  --storm 30s    drive both lanes for this long while providers fail and the shop is killed, then audit
  --seed 7       which storm (default 1)
  --out DIR      write summary.json, journal-*.ndjson, orders.ndjson and operations.ndjson
  --database D   postgres (default), mariadb or sqlite; each is started here, or an own server is named in DATABASE_URL
                 (PostgreSQL) or MARIADB_URL. MariaDB has to be installed (Debian: apt-get install mariadb-server)
  --rate 40      orders per second and lane (default 40 in a storm, 5 otherwise; 0 is none)
  --port 4000    the shop's port; the console takes the next one; 0 picks free ones
  --json         the storm's summary on stdout as JSON (npm start --silent -- keeps npm's own lines out)
  --lang en|ko   language of the terminal (default: from LANG)

Exit code of a storm: 0 when the protected lane has no defect and nothing is pending, else 1.`,
  starting: {
    postgres: "starting PostgreSQL",
    mariadb: "starting MariaDB",
    sqlite: "making the files of SQLite",
    providers: "starting payment providers a and b",
    shop: "starting the shop",
    console: "starting the console",
  },
  ready: ({ shop, console, providers }) => `
  Outrigger: one checkout, two lanes

  Console    ${console}        <- open this
  Shop       ${shop}
${providers.map(({ name, url, controlUrl }) => `  Provider ${name} ${url}   (faults: ${controlUrl})`).join("\n")}

  Try it:
    curl -i ${shop}/checkout -H 'content-type: application/json' -d '{"orderId":"my-1","amount":15000}'
    curl -X PUT ${providers[0]?.controlUrl}/fault -H 'content-type: application/json' -d '{"kind":"applyThenHang"}'
    curl -i ${shop}/checkout -H 'content-type: application/json' -d '{"orderId":"my-2","amount":15000}'
    curl -i ${shop}/orders/my-2
    curl -s ${providers[0]?.url}/journal | grep my-
    curl -X PUT ${providers[0]?.controlUrl}/fault -H 'content-type: application/json' -d '{"kind":"healthy"}'

  Ctrl-C ends everything.
`,
  stopping: "stopping",
  phase: {
    storm: "storm",
    leaving: "healed, waiting for the last customers to leave",
    healing: "waiting for the last outcomes and for charges that arrive late",
  },
  progress: ({ sent, kills, faults, pending }) =>
    `${sent} orders, ${kills} ${kills === 1 ? "kill" : "kills"}, ${faults}${pending}`,
  rows: {
    orders: "orders",
    paid: "paid",
    unpaid: "unpaid",
    pending: "pending",
    charges: "charges made",
    cancels: "charges cancelled",
    chargedTwice: "CHARGED TWICE",
    chargedWithoutOrder: "CHARGED WITHOUT AN ORDER",
    orderWithoutCharge: "ORDER WITHOUT A CHARGE",
  },
  passed: "The protected lane agrees with its providers: no defect, nothing pending.",
  failed: "The protected lane does NOT agree with its providers.",
  unusedFaults: (provider, kinds) =>
    `No request met these faults of provider ${provider}; a longer storm would: ${kinds}`,
  evidence: (directory) => `Evidence: ${directory}`,
};

const ko: Messages = {
  usage: `사용법: npm start -- [옵션]

  --storm 30s    이 시간 동안 결제사 장애와 상점 강제 종료 속에서 두 레인을 돌린 뒤 대조합니다
  --seed 7       어떤 폭풍인지 정하는 시드 (기본 1)
  --out DIR      summary.json, journal-*.ndjson, orders.ndjson, operations.ndjson을 저장합니다
  --database D   postgres (기본), mariadb, sqlite 중 하나. 직접 시작하며, 이미 있는 서버는 DATABASE_URL(PostgreSQL)이나
                 MARIADB_URL로 알려 줍니다. MariaDB는 설치되어 있어야 합니다 (Debian: apt-get install mariadb-server)
  --rate 40      레인마다 초당 주문 수 (폭풍 기본 40, 평소 5, 0은 없음)
  --port 4000    상점 포트. 콘솔은 그다음 포트를 씁니다. 0이면 빈 포트를 고릅니다
  --json         폭풍 결과를 표준 출력에 JSON으로 씁니다 (npm start --silent -- 로 npm의 출력을 끄세요)
  --lang en|ko   터미널 언어 (기본: LANG 환경 변수)

폭풍의 종료 코드: 보호 레인에 결함이 없고 미확정 주문이 없으면 0, 아니면 1.`,
  starting: {
    postgres: "PostgreSQL을 시작합니다",
    mariadb: "MariaDB를 시작합니다",
    sqlite: "SQLite 파일을 만듭니다",
    providers: "결제사 a와 b를 시작합니다",
    shop: "상점을 시작합니다",
    console: "콘솔을 시작합니다",
  },
  ready: ({ shop, console, providers }) => `
  Outrigger: 결제 하나, 두 레인

  콘솔       ${console}        <- 여기를 여세요
  상점       ${shop}
${providers.map(({ name, url, controlUrl }) => `  결제사 ${name}   ${url}   (장애: ${controlUrl})`).join("\n")}

  해 보세요:
    curl -i ${shop}/checkout -H 'content-type: application/json' -d '{"orderId":"my-1","amount":15000}'
    curl -X PUT ${providers[0]?.controlUrl}/fault -H 'content-type: application/json' -d '{"kind":"applyThenHang"}'
    curl -i ${shop}/checkout -H 'content-type: application/json' -d '{"orderId":"my-2","amount":15000}'
    curl -i ${shop}/orders/my-2
    curl -s ${providers[0]?.url}/journal | grep my-
    curl -X PUT ${providers[0]?.controlUrl}/fault -H 'content-type: application/json' -d '{"kind":"healthy"}'

  Ctrl-C를 누르면 모두 끝납니다.
`,
  stopping: "종료합니다",
  phase: {
    storm: "폭풍",
    leaving: "복구됨, 마지막 고객을 기다립니다",
    healing: "마지막 결과와 늦게 도착하는 승인을 기다립니다",
  },
  progress: ({ sent, kills, faults, pending }) => `주문 ${sent}건, 강제 종료 ${kills}회, ${faults}${pending}`,
  rows: {
    orders: "주문",
    paid: "결제 완료",
    unpaid: "미결제",
    pending: "미확정",
    charges: "승인 건수",
    cancels: "취소 건수",
    chargedTwice: "이중 결제",
    chargedWithoutOrder: "주문 없는 결제",
    orderWithoutCharge: "결제 없는 주문",
  },
  passed: "보호 레인은 결제사와 일치합니다. 결함 0건, 미확정 0건.",
  failed: "보호 레인이 결제사와 일치하지 않습니다.",
  unusedFaults: (provider, kinds) =>
    `결제사 ${provider}의 다음 장애를 겪은 요청이 없습니다. 더 길게 돌려 보세요: ${kinds}`,
  evidence: (directory) => `증거 파일: ${directory}`,
};

export const messages: Readonly<Record<Language, Messages>> = { en, ko };

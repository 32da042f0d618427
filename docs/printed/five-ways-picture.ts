import type { Language } from "./state-picture.ts";

type Mark = "step" | "lost" | "bad" | "good";

/** What happens one after another; a bar breaks the line. */
type Story = readonly (readonly [mark: Mark, text: string])[];

interface Way {
  readonly title: string;
  readonly bare: Story;
  readonly ledger: Story;
}

const ways: Readonly<Record<Language, readonly Way[]>> = {
  en: [
    {
      title: "1|A crash|after the charge",
      bare: [
        ["step", "charge"],
        ["step", "charged"],
        ["lost", "the process dies"],
        ["step", "no order; the|customer pays again"],
        ["bad", "charged twice"],
      ],
      ledger: [
        ["step", "intent stored,|charge"],
        ["step", "charged"],
        ["lost", "the process dies"],
        ["step", "lease over: another|process asks"],
        ["good", "paid, once"],
      ],
    },
    {
      title: "2|A lost answer,|and a retry",
      bare: [
        ["step", "charge"],
        ["lost", "charged,|answer lost"],
        ["step", "try again"],
        ["step", "charged"],
        ["bad", "charged twice"],
      ],
      ledger: [
        ["step", "intent stored,|charge with key K"],
        ["lost", "charged,|answer lost"],
        ["step", "UNKNOWN:|ask for K"],
        ["step", "found"],
        ["good", "paid, once"],
      ],
    },
    {
      title: "3|A timeout|taken for “no”",
      bare: [
        ["step", "BEGIN, charge"],
        ["step", "the provider works|for a minute"],
        ["lost", "read timeout"],
        ["step", "ROLLBACK:|“payment failed”"],
        ["bad", "charged, no order"],
      ],
      ledger: [
        ["step", "intent stored,|charge"],
        ["step", "the provider works|for a minute"],
        ["lost", "read timeout:|“pending”"],
        ["step", "asked until|it is known"],
        ["good", "paid, or undone"],
      ],
    },
    {
      title: "4|It arrives late",
      bare: [
        ["step", "charge"],
        ["lost", "stuck on the way,|timeout"],
        ["step", "asked: not found"],
        ["step", "“not paid”, and|then it arrives"],
        ["bad", "charged, no order"],
      ],
      ledger: [
        ["step", "intent stored,|charge with key K"],
        ["lost", "stuck on the way,|timeout"],
        ["step", "not found: not yet"],
        ["step", "cancel of K, then|it arrives: refused"],
        ["good", "void, not charged"],
      ],
    },
    {
      title: "5|The commit fails|after the charge",
      bare: [
        ["step", "BEGIN, charge"],
        ["step", "charged"],
        ["lost", "COMMIT fails"],
        ["step", "rolled back"],
        ["bad", "charged, no order"],
      ],
      ledger: [
        ["step", "intent stored,|charge"],
        ["step", "charged"],
        ["lost", "commit refused"],
        ["step", "CANCELLING stored,|then cancelled"],
        ["good", "void, refunded"],
      ],
    },
  ],
  ko: [
    {
      title: "1|결제 뒤의|크래시",
      bare: [
        ["step", "결제 요청"],
        ["step", "승인됨"],
        ["lost", "프로세스가 죽음"],
        ["step", "주문 없음,|고객이 다시 결제"],
        ["bad", "이중 결제"],
      ],
      ledger: [
        ["step", "의도 저장,|결제 요청"],
        ["step", "승인됨"],
        ["lost", "프로세스가 죽음"],
        ["step", "리스 만료: 다른|프로세스가 조회"],
        ["good", "한 번 결제됨"],
      ],
    },
    {
      title: "2|응답을 잃고|재시도",
      bare: [
        ["step", "결제 요청"],
        ["lost", "승인됐지만|응답 유실"],
        ["step", "다시 요청"],
        ["step", "승인됨"],
        ["bad", "이중 결제"],
      ],
      ledger: [
        ["step", "의도 저장,|키 K로 요청"],
        ["lost", "승인됐지만|응답 유실"],
        ["step", "UNKNOWN:|K로 조회"],
        ["step", "찾음"],
        ["good", "한 번 결제됨"],
      ],
    },
    {
      title: "3|타임아웃을|실패로 여김",
      bare: [
        ["step", "BEGIN, 결제 요청"],
        ["step", "결제사가 1분간|처리 중"],
        ["lost", "읽기 타임아웃"],
        ["step", "ROLLBACK:|“결제 실패”"],
        ["bad", "결제됐는데 주문 없음"],
      ],
      ledger: [
        ["step", "의도 저장,|결제 요청"],
        ["step", "결제사가 1분간|처리 중"],
        ["lost", "읽기 타임아웃:|“확인 중”"],
        ["step", "알 때까지|조회"],
        ["good", "결제 또는 취소"],
      ],
    },
    {
      title: "4|늦게 도착",
      bare: [
        ["step", "결제 요청"],
        ["lost", "도중에 막힘,|타임아웃"],
        ["step", "조회: 없음"],
        ["step", "“미결제”로 끝낸|뒤에 도착"],
        ["bad", "결제됐는데 주문 없음"],
      ],
      ledger: [
        ["step", "의도 저장,|키 K로 요청"],
        ["lost", "도중에 막힘,|타임아웃"],
        ["step", "아직 없음"],
        ["step", "K를 취소, 그 뒤|도착한 것은 거절"],
        ["good", "무효, 결제 없음"],
      ],
    },
    {
      title: "5|결제 뒤에|커밋 실패",
      bare: [
        ["step", "BEGIN, 결제 요청"],
        ["step", "승인됨"],
        ["lost", "COMMIT 실패"],
        ["step", "롤백됨"],
        ["bad", "결제됐는데 주문 없음"],
      ],
      ledger: [
        ["step", "의도 저장,|결제 요청"],
        ["step", "승인됨"],
        ["lost", "커밋 거절"],
        ["step", "CANCELLING 저장,|그다음 취소"],
        ["good", "무효, 환불됨"],
      ],
    },
  ],
};

const words: Readonly<Record<Language, Readonly<Record<"title" | "text" | "bare" | "ledger", string>>>> = {
  en: {
    title: "The five ways it goes wrong",
    text: "A crash after the charge, a lost answer and a retry, a timeout taken for no, a late arrival, a commit that fails after the charge: as people write it each ends charged twice or charged without an order; with the ledger each ends with both sides in agreement.",
    bare: "as people write it",
    ledger: "with the ledger",
  },
  ko: {
    title: "어긋나는 다섯 가지 길",
    text: "결제 뒤의 크래시, 응답을 잃고 재시도, 타임아웃을 실패로 여김, 늦은 도착, 결제 뒤의 커밋 실패. 흔히 쓰는 코드로는 이중 결제나 주문 없는 결제로 끝나고, 원장으로는 양쪽이 일치하며 끝납니다.",
    bare: "흔히 쓰는 코드",
    ledger: "원장을 쓰면",
  },
};

const width = 1010;
const rowHeight = 132;
const firstX = 368;
const stepX = 140;

/** The picture, as SVG for light and dark pages. */
export function fiveWaysPicture(language: Language): string {
  const { title, text } = words[language];
  const rows = ways[language].map((way, index) => row(way, 12 + index * (rowHeight + 10), language));
  const height = 12 + rows.length * (rowHeight + 10) + 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, 'Segoe UI', 'Apple SD Gothic Neo', 'Noto Sans KR', sans-serif" font-size="12.5">
  <title id="t">${title}</title>
  <desc id="d">${text}</desc>
  <style>
    .panel { fill: #f4f6f8 } text { fill: #1d2733 } .dim { fill: #5b6875; font-size: 12px } .b { font-weight: 600; font-size: 15px }
    .line { stroke: #9aa7b4; stroke-width: 1.5 } .step { fill: #5b6875 } .lost { fill: #b26a00 } .bad { fill: #b3261e } .good { fill: #14693b }
    text.bad, text.good { font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .panel { fill: #1a222b } text { fill: #e6ebf0 } .dim { fill: #9fb0c0 } .line { stroke: #5b6875 } .step { fill: #9fb0c0 }
      .lost { fill: #ffb74d } .bad { fill: #ff8a80 } .good { fill: #6fd39a }
    }
  </style>
${rows.join("\n")}
</svg>
`;
}

function row({ title, bare, ledger }: Way, y: number, language: Language): string {
  const [number = "", ...lines] = title.split("|");
  const named = lines.map(
    (line, index) => `<text class="b" x="44" y="${y + 32 + 20 * index}">${line}</text>`,
  );
  return [
    `  <rect class="panel" x="0" y="${y}" width="${width}" height="${rowHeight}" rx="10"/>`,
    `  <text class="b" x="20" y="${y + 32}">${number}</text>${named.join("")}`,
    story(bare, y + 24, words[language].bare),
    story(ledger, y + 84, words[language].ledger),
  ].join("\n");
}

function story(steps: Story, y: number, name: string): string {
  const lastX = firstX + (steps.length - 1) * stepX;
  return [
    `  <text class="dim" x="${firstX - 56}" y="${y + 4}" text-anchor="end">${name}</text>`,
    `  <path class="line" d="M${firstX} ${y}H${lastX}"/>`,
    ...steps.map(([mark, text], index) => dot(mark, text, firstX + index * stepX, y)),
  ].join("\n");
}

/** Shape and colour both tell, so that neither has to. */
function dot(mark: Mark, text: string, x: number, y: number): string {
  const shape =
    mark === "step"
      ? `<circle class="step" cx="${x}" cy="${y}" r="5"/>`
      : mark === "lost"
        ? `<path class="lost" d="M${x} ${y - 8}L${x + 8} ${y + 6}H${x - 8}z"/>`
        : mark === "bad"
          ? `<rect class="bad" x="${x - 7}" y="${y - 7}" width="14" height="14"/>`
          : `<circle class="good" cx="${x}" cy="${y}" r="8"/>`;
  const lines = text
    .split("|")
    .map((line, index) => `<tspan x="${x}" y="${y + 22 + 15 * index}">${line}</tspan>`);
  const kind = mark === "bad" || mark === "good" ? ` class="${mark}"` : "";
  return `  ${shape}<text${kind} text-anchor="middle">${lines.join("")}</text>`;
}

import { type OperationState, operationTable } from "@outrigger/ledger";

export type Language = "en" | "ko";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The middle of each state's box. */
const places: Readonly<Record<OperationState, Point>> = {
  READY: { x: 100, y: 60 },
  SENDING: { x: 400, y: 60 },
  UNKNOWN: { x: 400, y: 220 },
  CANCELLING: { x: 400, y: 380 },
  DONE: { x: 730, y: 60 },
  FAILED: { x: 730, y: 220 },
  CANCELLED: { x: 730, y: 380 },
  MANUAL: { x: 130, y: 290 },
};

interface Route {
  /** An SVG path, its end at the tip of the arrow. */
  readonly path: string;
  readonly at: Point;
  readonly anchor?: "middle" | "end";
  readonly says: Readonly<Record<Language, string>>;
}

/** Every move between two states, those from and to MANUAL apart: every state has them. */
const routes: Readonly<Record<string, Route>> = {
  "READY SENDING": {
    path: "M168 60H330",
    at: { x: 249, y: 52 },
    anchor: "middle",
    says: { en: "taken up", ko: "집어 듦" },
  },
  "READY UNKNOWN": {
    path: "M120 82C140 160 230 205 330 215",
    at: { x: 140, y: 180 },
    says: { en: "its effect turns up", ko: "효과가 드러남" },
  },
  "READY CANCELLED": {
    path: "M50 82C-10 260 10 440 130 440H690C720 440 730 430 730 404",
    at: { x: 410, y: 433 },
    anchor: "middle",
    says: { en: "cancelled before it was sent", ko: "보내기 전에 취소됨" },
  },
  "SENDING DONE": {
    path: "M468 60H660",
    at: { x: 564, y: 52 },
    anchor: "middle",
    says: { en: "answered: commit", ko: "응답: commit" },
  },
  "SENDING FAILED": {
    path: "M466 80L660 198",
    at: { x: 600, y: 152 },
    says: { en: "no effect: abandon", ko: "효과 없음: abandon" },
  },
  "SENDING UNKNOWN": {
    path: "M376 82V194",
    at: { x: 368, y: 136 },
    anchor: "end",
    says: { en: "no answer, or a crash", ko: "응답 없음, 또는 크래시" },
  },
  "UNKNOWN SENDING": {
    path: "M424 198V86",
    at: { x: 432, y: 166 },
    says: { en: "same key again", ko: "같은 키로 다시" },
  },
  "UNKNOWN DONE": {
    path: "M466 200L660 82",
    at: { x: 640, y: 112 },
    anchor: "middle",
    says: { en: "found: commit", ko: "찾음: commit" },
  },
  "UNKNOWN FAILED": {
    path: "M468 212H658",
    at: { x: 564, y: 206 },
    anchor: "middle",
    says: { en: "surely not: abandon", ko: "확실히 없음: abandon" },
  },
  "UNKNOWN CANCELLING": {
    path: "M400 242V354",
    at: { x: 408, y: 290 },
    says: { en: "not found", ko: "찾지 못함" },
  },
  "SENDING CANCELLING": {
    path: "M332 70C250 140 250 310 328 366",
    at: { x: 270, y: 320 },
    anchor: "middle",
    says: { en: "commit refused", ko: "commit 거절" },
  },
  "CANCELLING CANCELLED": {
    path: "M468 372H658",
    at: { x: 564, y: 365 },
    anchor: "middle",
    says: { en: "undone: abandon", ko: "되돌림: abandon" },
  },
  "CANCELLED CANCELLING": {
    path: "M662 388H472",
    at: { x: 564, y: 405 },
    anchor: "middle",
    says: { en: "arrived late", ko: "늦게 도착" },
  },
  "FAILED UNKNOWN": {
    path: "M662 228H472",
    at: { x: 564, y: 246 },
    anchor: "middle",
    says: { en: "arrived late", ko: "늦게 도착" },
  },
  "FAILED CANCELLING": {
    path: "M680 242L470 356",
    at: { x: 590, y: 306 },
    anchor: "middle",
    says: { en: "arrived late", ko: "늦게 도착" },
  },
  "DONE CANCELLING": {
    path: "M798 72C880 160 850 318 770 326C660 332 560 340 470 362",
    at: { x: 836, y: 160 },
    anchor: "middle",
    says: { en: "cancelled on request", ko: "요청으로 취소" },
  },
};

const people: Readonly<Record<Language, readonly string[]>> = {
  en: ["every state can lead here;", "a person's word, or what", "turns up, leads out"],
  ko: ["어느 상태에서든 올 수 있고,", "사람의 말이나 드러난 사실로", "나갑니다"],
};

const titles: Readonly<Record<Language, readonly [title: string, text: string]>> = {
  en: [
    "The states of an operation",
    "READY leads to SENDING. SENDING leads to DONE with an answer, to FAILED without an effect, and to UNKNOWN without an answer. UNKNOWN is asked about, and leads to DONE, FAILED, SENDING with the same key, or CANCELLING, which ends as CANCELLED. From every state there is a way to MANUAL, where a person decides.",
  ],
  ko: [
    "작업의 상태",
    "READY는 SENDING이 됩니다. SENDING은 응답이 있으면 DONE, 효과가 없으면 FAILED, 응답이 없으면 UNKNOWN이 됩니다. UNKNOWN은 조회하여 DONE, FAILED, 같은 키의 SENDING, 또는 CANCELLING이 되고, CANCELLING은 CANCELLED로 끝납니다. 어느 상태에서든 사람이 정하는 MANUAL로 갈 수 있습니다.",
  ],
};

const settled: ReadonlySet<OperationState> = new Set(["DONE", "FAILED", "CANCELLED"]);

/** Moves of the table between two states, each once. */
function movesOfTable(): readonly string[] {
  const states = Object.keys(operationTable) as OperationState[];
  const moves = states.flatMap((from) =>
    Object.values(operationTable[from]).flatMap((rules) => rules.map(({ to }) => `${from} ${to}`)),
  );
  return [...new Set(moves)].filter((move) => move.split(" ")[0] !== move.split(" ")[1]);
}

/** The picture, as SVG for light and dark pages. @throws Error when the table has a move that nobody has drawn. */
export function statePicture(language: Language): string {
  const drawn = movesOfTable().filter((move) => !move.includes("MANUAL"));
  for (const move of drawn) if (routes[move] === undefined) throw new Error(`draw the move ${move}`);
  for (const move of Object.keys(routes))
    if (!drawn.includes(move)) throw new Error(`${move} is no move any more`);
  const [title, text] = titles[language];
  const boxes = Object.keys(places) as OperationState[];
  const caption = people[language].map(
    (line, index) =>
      `  <text class="dim" x="130" y="${332 + 17 * index}" text-anchor="middle">${line}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 460" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, 'Segoe UI', 'Apple SD Gothic Neo', 'Noto Sans KR', sans-serif" font-size="13">
  <title id="t">${title}</title>
  <desc id="d">${text}</desc>
  <style>
    .panel { fill: #f4f6f8 } text { fill: #1d2733 } .dim { fill: #44515e; stroke: #f4f6f8; stroke-width: 5; paint-order: stroke }
    .box { fill: #fff; stroke: #9aa7b4; stroke-width: 1.5 } .end { fill: #e5f3ea; stroke: #14693b }
    .person { fill: #fdeceb; stroke: #b3261e; stroke-dasharray: 5 4 } .b { font-weight: 600; font-size: 15px }
    .way { stroke: #5b6875; stroke-width: 1.6; fill: none; marker-end: url(#tip) } .tip { fill: #5b6875 }
    @media (prefers-color-scheme: dark) {
      .panel { fill: #1a222b } text { fill: #e6ebf0 } .dim { fill: #b7c4d0; stroke: #1a222b } .box { fill: #0d141b; stroke: #5b6875 }
      .end { fill: #15281d; stroke: #6fd39a } .person { fill: #2e1a19; stroke: #ff8a80 } .way { stroke: #9fb0c0 } .tip { fill: #9fb0c0 }
    }
  </style>
  <defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>
  <rect class="panel" width="920" height="460" rx="10"/>
${drawn.map((move) => `  <path class="way" d="${routes[move]?.path}"/>`).join("\n")}
${drawn.map((move) => label(routes[move], language)).join("\n")}
${boxes.map(box).join("\n")}
${caption.join("\n")}
</svg>
`;
}

function label(route: Route | undefined, language: Language): string {
  if (route === undefined) return "";
  const { at, anchor, says } = route;
  const anchored = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `  <text class="dim" x="${at.x}" y="${at.y}"${anchored}>${says[language]}</text>`;
}

function box(state: OperationState): string {
  const { x, y } = places[state];
  const kind = state === "MANUAL" ? "box person" : settled.has(state) ? "box end" : "box";
  return `  <rect class="${kind}" x="${x - 68}" y="${y - 22}" width="136" height="44" rx="8"/><text class="b" x="${x}" y="${y + 5}" text-anchor="middle">${state}</text>`;
}

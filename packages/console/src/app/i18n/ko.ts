import type { Messages } from "./en.ts";

export const ko: Messages = {
  title: "Outrigger 콘솔",
  brand: "콘솔",
  skip: "숫자로 바로 가기",
  headline: "결제는 됐는데 우리 서버는 타임아웃이 났습니다. 이제 어떻게 될까요?",
  lead: "두 결제 코드가 같은 고객, 같은 결제사를 상대합니다. 결제사를 고장 내 보고, 어느 쪽에서 돈과 주문이 끝까지 맞는지 확인해 보세요.",

  language: "언어",
  theme: { name: "화면 색", auto: "자동", light: "밝게", dark: "어둡게" },

  connection: {
    connecting: "연결 중",
    live: "실시간",
    lost: "연결이 끊겨 다시 연결하는 중",
    lostDetail: "연결이 끊겨 다시 연결하는 중입니다. 아래 숫자는 마지막으로 받은 값입니다.",
    unreadable:
      "서버가 이 페이지에서 읽을 수 없는 형식을 보냈습니다. 새로 고쳐 보세요. 그래도 같다면 페이지와 서버의 버전이 서로 다른 것입니다.",
  },
  shop: {
    up: "상점 동작 중",
    down: "상점 중단됨",
    restarts: (_count, shown) => `재시작 ${shown}회`,
  },
  waiting: "첫 숫자를 기다리는 중",

  lanes: {
    title: "같은 고객, 두 가지 구현",
    bare: {
      name: "일반 구현",
      tag: "흔히 작성하는 방식",
      description: "DB 트랜잭션 안에서 결제사를 호출하고, 호출이 실패하면 롤백합니다.",
    },
    outrigger: {
      name: "Outrigger",
      tag: "같은 결제에 보호 적용",
      description: "의도를 먼저 저장하고 트랜잭션 밖에서 호출합니다. 응답이 없으면 조회하거나 취소합니다.",
    },
    verdict: {
      bad: (_count, shown) => `결함 ${shown}건: 돈과 주문이 어긋났습니다`,
      good: "돈과 주문이 일치합니다",
      empty: "아직 주문이 없습니다",
    },
    defects: {
      title: "결함",
      chargedTwice: "이중 결제",
      chargedWithoutOrder: "주문 없는 결제",
      orderWithoutCharge: "결제 없는 주문",
    },
    counts: {
      title: "주문 현황",
      orders: "주문",
      paid: "결제됨",
      unpaid: "미결제",
      pending: "확인 중",
      rejected: "즉시 거절",
    },
    speed: { title: "응답", perSecond: "초당 응답" },
    database: "DB 커넥션",
  },

  usage: {
    of: (inUse, total) => `${total}개 중 ${inUse}개 사용`,
    waiting: (shown) => `대기 ${shown}`,
    rejected: (shown) => `거절 ${shown}`,
    full: "여유 없음",
  },

  integrations: {
    title: "보호된 쪽을 지탱하는 것",
    none: "상점이 아직 연동 정보를 보내지 않았습니다.",
    circuit: "서킷",
    closed: { name: "닫힘", explanation: "호출이 그대로 통과합니다." },
    open: { name: "열림", explanation: "결제사를 기다리지 않고 호출을 바로 실패 처리합니다." },
    halfOpen: { name: "반열림", explanation: "호출 몇 건만 보내 결제사가 돌아왔는지 확인합니다." },
    halfOpenIn: (duration) => `${duration} 후 반열림`,
    failed: (failures, calls) => `최근 호출 ${calls}건 중 ${failures}건 실패`,
    quiet: "최근 호출 없음",
    reason: "이유",
    concurrency: "동시 호출",
    pool: "HTTP 커넥션",
  },

  controls: {
    title: "고장 내 보기",
    traffic: "초당 데모 고객 수",
    noCustomers: "없음",
    providers: "결제사",
    keys: "화살표 키로 이동하고 스페이스 키로 적용합니다.",
    noProviders: "아직 상태를 보낸 결제사가 없습니다.",
    charges: "결제",
    cancels: "취소",
    heal: "모두 복구",
    kill: "상점 강제 종료 (SIGKILL)",
    groups: {
      charged: "결제됐지만 응답 없음",
      notCharged: "결제되지 않음",
      other: "그 밖의 문제",
    },
  },

  faults: {
    healthy: { name: "정상", explanation: "빠르게 응답하고 요청대로 처리합니다." },
    applyThenHang: {
      name: "결제 후 무응답",
      explanation: "고객에게 결제하고는 응답하지 않습니다. 우리 서버는 타임아웃이 납니다.",
    },
    applyThenReset: {
      name: "결제 후 연결 끊김",
      explanation: "고객에게 결제하고 응답 전에 연결을 끊습니다.",
    },
    applyLate: { name: "뒤늦은 결제", explanation: "호출한 쪽이 기다리기를 포기한 뒤에야 결제합니다." },
    hangBeforeApply: { name: "무응답", explanation: "요청을 받고도 결제하지 않고 응답하지도 않습니다." },
    resetBeforeRead: {
      name: "즉시 연결 끊김",
      explanation: "요청을 읽기 전에 연결을 끊습니다. 결제는 일어나지 않습니다.",
    },
    refuse: { name: "연결 거부", explanation: "연결을 전혀 받지 않습니다." },
    unavailable: {
      name: "503",
      explanation: "바로 503으로 응답하고 언제 다시 오라고 알려 줍니다(Retry-After).",
    },
    slow: { name: "느림", explanation: "제대로 처리하지만 응답이 한참 걸립니다." },
    closeIdle: {
      name: "유휴 연결 닫기",
      explanation: "keep-alive 연결을 바로 닫아, 재사용하려는 연결이 이미 끊겨 있을 수 있습니다.",
    },
    dropCancelAnswer: {
      name: "취소 응답 유실",
      explanation: "결제는 취소되지만 취소 응답이 도착하지 않습니다.",
    },
    failInquiry: { name: "조회 실패", explanation: "결제는 되지만 결제 조회가 실패합니다." },
    down: { name: "연락 안 됨", explanation: "결제사 프로세스가 콘솔에 응답하지 않습니다." },
  },

  operations: {
    title: "원장의 작업",
    lead: "무엇이 열려 있고, 무엇이 사람을 기다리며, 무엇을 할 수 있는지 보여 줍니다.",
    filter: "보기",
    open: "열려 있는 모든 것",
    none: "해당하는 작업이 없습니다.",
    head: { state: "상태", key: "작업", age: "경과", next: "다음" },
    more: "더 보기",
    look: (key) => `${key} 보기`,
    states: {
      READY: "저장됨, 아직 보내지 않음",
      SENDING: "보내는 중",
      UNKNOWN: "효과가 있었을 수 있음",
      CANCELLING: "되돌리는 중",
      MANUAL: "사람을 기다림",
      DONE: "효과가 있었음",
      FAILED: "효과가 없음",
      CANCELLED: "되돌림",
    },
    next: {
      in: (duration) => `${duration} 뒤`,
      late: (duration) => `${duration} 늦음`,
      person: "사람",
      ended: "끝남",
    },
    close: "닫기",
    provider: "제공자",
    lastError: "마지막 오류",
    history: "있었던 일",
    by: (who) => `누가: ${who}`,
    act: "할 수 있는 것",
    moves: {
      retry: { name: "다시 진행", explanation: "결과가 어떻게 되었는지 제공자에게 지금 다시 묻습니다." },
      cancel: {
        name: "취소",
        explanation: "더는 보내지 않거나, 가능한 경우 제공자에게 되돌려 달라고 하고 주문을 무효로 합니다.",
      },
      commit: {
        name: "효과가 있었음",
        explanation: "여러분의 말에 따라 주문을 확정합니다. 아무것도 보내지 않습니다.",
      },
      abandon: {
        name: "효과가 없었음",
        explanation: "여러분의 말에 따라 주문을 무효로 합니다. 아무것도 보내지 않습니다.",
      },
    },
    reason: "이유 (이력에 남음)",
    name: "이름",
    go: "실행",
    settled: "할 일이 없습니다.",
  },

  hints: {
    label: "다음 단계",
    shopDown: "상점이 강제 종료됐습니다. 곧 다시 시작되니, 확인 중인 주문이 정리되는 것을 지켜보세요.",
    letCustomersIn: "고객을 들여보내세요. 초당 5명이나 20명을 고르면 됩니다.",
    breakOne: "결제사를 고장 내 보세요. ‘결제 후 무응답’이 바로 제목의 그 상황입니다.",
    wait: "몇 초만 기다려 보세요. 호출이 타임아웃되면 피해가 드러납니다.",
    compare: "양쪽을 비교해 보세요. 상점까지 강제 종료하거나, 모두 복구해 ‘확인 중’이 0이 되는지 보세요.",
  },

  chart: {
    title: "최근 몇 분",
    p99: "가장 느린 1% 응답 (p99)",
    defects: "누적 결함과 확인 중인 주문",
    happened: "고장 이력",
    pending: "Outrigger, 확인 중",
    shop: "상점",
    shopDown: "중단",
    empty: "첫 숫자가 도착하면 차트가 시작됩니다.",
    now: "지금",
    secondsAgo: (seconds) => `−${seconds}초`,
    minutesAgo: (minutes) => `−${minutes}분`,
    table: "같은 내용을 숫자로",
    time: "시각",
    none: "없음",
  },

  errors: {
    fault: (provider, fault) => `결제사 ${provider}: ‘${fault}’(으)로 바꾸지 못했습니다.`,
    traffic: "데모 고객 수를 바꾸지 못했습니다.",
    kill: "상점을 종료하지 못했습니다.",
    noAnswer: "콘솔 서버가 응답하지 않았습니다.",
    status: (status) => `콘솔 서버가 ${status} 응답을 보냈습니다.`,
    dismiss: "닫기",
  },

  news: {
    lost: "연결이 끊겨 다시 연결하는 중입니다.",
    live: "다시 연결됐습니다.",
    shopDown: "상점이 중단됐습니다.",
    shopUp: "상점이 다시 동작합니다.",
    fault: (provider, fault) => `결제사 ${provider}: ${fault}.`,
    circuit: (name, state) => `${name} 서킷: ${state}.`,
    firstDefect: (lane) => `${lane}에서 첫 결함이 나왔습니다.`,
  },
};

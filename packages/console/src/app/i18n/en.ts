/** Numbers arrive already formatted; a count comes along where a plural depends on it. */
export const en = {
  title: "Outrigger console",
  brand: "console",
  skip: "Skip to the numbers",
  headline: "The provider charged. Your server timed out. What now?",
  lead: "Two checkouts serve the same customers through the same payment providers. Break a provider, and watch in which of them money and orders still agree.",

  language: "Language",
  theme: { name: "Colours", auto: "Auto", light: "Light", dark: "Dark" },

  connection: {
    connecting: "Connecting",
    live: "Live",
    lost: "Connection lost, trying again",
    lostDetail: "Connection lost, trying again. The numbers below are the last ones that arrived.",
    unreadable:
      "The server sends numbers in a form this page does not know. Reload the page; if that does not help, the page and the server are of different versions.",
  },
  shop: {
    up: "Shop running",
    down: "Shop down",
    restarts: (count: number, shown: string) => `${shown} ${count === 1 ? "restart" : "restarts"}`,
  },
  waiting: "Waiting for the first numbers",

  lanes: {
    title: "Two lanes, the same customers",
    bare: {
      name: "Bare",
      tag: "as people write it",
      description: "Calls the provider inside the database transaction and rolls back when the call fails.",
    },
    outrigger: {
      name: "Outrigger",
      tag: "the same checkout, protected",
      description:
        "Stores the intent first, calls outside the transaction, then inquires or cancels if no answer came.",
    },
    verdict: {
      bad: (count: number, shown: string) =>
        `${shown} ${count === 1 ? "defect" : "defects"}: money and orders disagree`,
      good: "Money and orders agree",
      empty: "No orders yet",
    },
    defects: {
      title: "Defects",
      chargedTwice: "charged twice",
      chargedWithoutOrder: "charged without an order",
      orderWithoutCharge: "order without a charge",
    },
    counts: {
      title: "Orders",
      orders: "Orders",
      paid: "Paid",
      unpaid: "Unpaid",
      pending: "Pending",
      rejected: "Rejected",
    },
    speed: { title: "Answers", perSecond: "per second" },
    database: "Database connections",
  },

  usage: {
    of: (inUse: string, total: string) => `${inUse} of ${total} in use`,
    waiting: (shown: string) => `${shown} waiting`,
    rejected: (shown: string) => `${shown} rejected`,
    full: "all taken",
  },

  integrations: {
    title: "What holds the protected lane up",
    none: "The shop has not described its integrations yet.",
    circuit: "Circuit",
    closed: { name: "Closed", explanation: "Calls pass." },
    open: { name: "Open", explanation: "Calls fail at once, without waiting for the provider." },
    halfOpen: { name: "Half-open", explanation: "A few calls probe whether the provider is back." },
    halfOpenIn: (duration: string) => `half-open in ${duration}`,
    failed: (failures: string, calls: string) => `${failures} of the last ${calls} calls failed`,
    quiet: "no calls in the window",
    reason: "Reason",
    concurrency: "Concurrent calls",
    pool: "HTTP connections",
  },

  controls: {
    title: "Break something",
    traffic: "Demo customers per second",
    noCustomers: "none",
    providers: "Payment providers",
    keys: "Arrow keys move, Space applies.",
    noProviders: "No provider has reported yet.",
    charges: "Charges",
    cancels: "Cancels",
    heal: "Heal all",
    kill: "Kill the shop (SIGKILL)",
    groups: {
      charged: "Charged, but no answer",
      notCharged: "Not charged",
      other: "Other trouble",
    },
  },

  faults: {
    healthy: { name: "Healthy", explanation: "Answers quickly and does what it says." },
    applyThenHang: {
      name: "Charge, then hang",
      explanation: "Charges the customer and never answers: your server times out.",
    },
    applyThenReset: {
      name: "Charge, then reset",
      explanation: "Charges the customer and cuts the connection before the answer.",
    },
    applyLate: { name: "Charge late", explanation: "Charges only after the caller has given up waiting." },
    hangBeforeApply: { name: "Hang", explanation: "Takes the request, never charges and never answers." },
    resetBeforeRead: {
      name: "Reset at once",
      explanation: "Cuts the connection before reading the request; nothing is charged.",
    },
    refuse: { name: "Refuse connections", explanation: "Accepts no connection at all." },
    unavailable: {
      name: "503",
      explanation: "Answers 503 at once and says when to come back (Retry-After).",
    },
    slow: { name: "Slow", explanation: "Does what it says, but the answer takes long." },
    closeIdle: {
      name: "Close idle",
      explanation: "Closes kept-alive connections at once, so a reused one may be dead already.",
    },
    dropCancelAnswer: {
      name: "Lose the cancel's answer",
      explanation: "Cancels the charge, but the answer to the cancel never arrives.",
    },
    failInquiry: { name: "Fail the inquiry", explanation: "Charges work, but asking about them fails." },
    down: { name: "Not reachable", explanation: "The provider's process does not answer the console." },
  },

  operations: {
    title: "The ledger's operations",
    lead: "What is open, what waits for a person, and what you can do about it.",
    filter: "Show",
    open: "all that are open",
    none: "No operation is like that.",
    head: { state: "State", key: "Operation", age: "Age", next: "Next" },
    more: "Show more",
    look: (key: string) => `Look at ${key}`,
    states: {
      READY: "stored, not sent yet",
      SENDING: "being sent",
      UNKNOWN: "may have taken effect",
      CANCELLING: "being undone",
      MANUAL: "waits for a person",
      DONE: "took effect",
      FAILED: "has no effect",
      CANCELLED: "undone",
    },
    next: {
      in: (duration: string) => `in ${duration}`,
      late: (duration: string) => `${duration} late`,
      person: "a person",
      ended: "settled",
    },
    close: "Close",
    provider: "Provider",
    lastError: "Last error",
    history: "What happened",
    by: (who: string) => `by ${who}`,
    act: "What to do",
    moves: {
      retry: { name: "Retry", explanation: "The provider is asked again, at once, what became of it." },
      cancel: {
        name: "Cancel",
        explanation: "It is not sent any more, or undone where the provider can; its order is voided.",
      },
      commit: {
        name: "It took effect",
        explanation: "Its order is committed on your word. Nothing is sent.",
      },
      abandon: { name: "It did not", explanation: "Its order is voided on your word. Nothing is sent." },
    },
    reason: "Why (for the history)",
    name: "Your name",
    go: "Do it",
    settled: "Nothing needs to be done.",
  },

  hints: {
    label: "Next",
    shopDown: "The shop was killed. Its supervisor starts it again; then watch pending orders get settled.",
    letCustomersIn: "Let customers in: choose 5 or 20 per second.",
    breakOne: "Break a provider. “Charge, then hang” is the failure in the headline.",
    wait: "Wait a few seconds: the damage shows once calls have timed out.",
    compare: "Compare the lanes. Kill the shop as well, or heal all and watch pending go to zero.",
  },

  chart: {
    title: "The last minutes",
    p99: "Slowest 1 % of answers (p99)",
    defects: "Defects so far, and pending orders",
    happened: "What was broken",
    pending: "Outrigger, pending",
    shop: "Shop",
    shopDown: "down",
    empty: "The chart begins with the first numbers.",
    now: "now",
    secondsAgo: (seconds: string) => `−${seconds}s`,
    minutesAgo: (minutes: string) => `−${minutes} min`,
    table: "The same as numbers",
    time: "Time",
    none: "none",
  },

  errors: {
    fault: (provider: string, fault: string) => `Provider ${provider} was not set to “${fault}”.`,
    traffic: "The number of demo customers was not changed.",
    kill: "The shop was not killed.",
    noAnswer: "The console's server did not answer.",
    status: (status: string) => `The console's server answered ${status}.`,
    dismiss: "Dismiss",
  },

  news: {
    lost: "Connection lost, trying again.",
    live: "Connected again.",
    shopDown: "The shop is down.",
    shopUp: "The shop is up again.",
    fault: (provider: string, fault: string) => `Provider ${provider}: ${fault}.`,
    circuit: (name: string, state: string) => `Circuit of ${name}: ${state}.`,
    firstDefect: (lane: string) => `First defect in the lane ${lane}.`,
  },
};

/** The shape every language fills: the same keys, functions with the same parameters. */
export type Messages = Shape<typeof en>;

type Shape<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => string
    ? (...args: A) => string
    : T[K] extends string
      ? string
      : Shape<T[K]>;
};

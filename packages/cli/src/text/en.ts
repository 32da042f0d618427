/** Everything the command says. Values arrive as text that is safe to print. */
export const en = {
  command: {
    about: "Operations on external services: what is open, what waits for a person, and what to do about it.",
    ledger: "the ledger's operations",
    list: "list operations, those that are open by default",
    show: "tell one operation's story: what happened, what is known, what happens next",
    resolve: "say how an operation that waits for a person has ended",
    retry: "put an operation back to work now",
    cancel: "ask for an operation to be undone",
    reconcile: "compare a provider's list with the ledger, for some days",
    doctor: "look for what endangers the ledger, with the fix of each",
    which: "an operation's id, or its name and its key",
    sagas: "sagas: several operations of which in the end all stand, or none",
    ofSagas: {
      list: "list sagas, those that have not ended by default",
      show: "tell one saga's story: its steps, what happened, what happens next",
      retry: "look at a saga again now, and put its steps that wait for a person back to work",
      cancel: "ask for a saga to be undone",
      which: "a saga's id, or its name and its key",
    },
    name: "the reconciliation's name in the app; may be left out where there is only one",
  },
  option: {
    version: "print the version",
    help: "print this help",
    lang: "language of texts: en or ko (else LC_ALL, LC_MESSAGES, LANG)",
    database: "postgres:// or mariadb:// URL, or SQLite file, of the ledger (else DATABASE_URL)",
    schema: "schema of the ledger's tables",
    app: "a .ts or .js module of yours that exports `ledger`, and `reconciliations` for reconcile",
    timeout: "how long the database may take to answer",
    json: "machine-readable data on stdout: a JSON document, in a list a line for each",
    state: "only in this state; may be repeated, or separated by commas",
    operation: "only this operation, by its name",
    saga: "only this saga, by its name",
    olderThan: "only what was created longer ago, such as 10m or 2h",
    wantsPerson: "only what waits for a person (MANUAL)",
    limit: "how many on a page, 1 to 1000",
    after: "go on after this id",
    all: "page after page, to the end",
    request: "what was asked for too, without card numbers and secrets",
    reason: "why; it goes into the history",
    by: "who; it goes into the history (else the user of this machine)",
    yes: "do not ask whether to go on",
    as: "how it ended: committed or abandoned",
    result: "JSON that `commit` gets, where the ledger knows no result",
    from: "first day, such as 2026-11-22; its earlier result is replaced",
    to: "last day (else the first)",
    report: "write the report there: .html, .csv or .json",
    moveAfter: "the retention's `moveAfter` of your ledger",
  },
  help: {
    usage: "Usage:",
    arguments: "Arguments:",
    options: "Options:",
    commands: "Commands:",
    examples: "Examples:",
    exits: "Exit codes:",
    exit: {
      done: "done",
      problem: "a problem was found, or what was asked for was refused",
      usage: "the command was called wrongly; nothing was done",
      unreachable: "the database could not be reached",
      interrupted: "interrupted (Ctrl-C)",
    },
    more: "More about a command: outrigger ledger <command> --help",
    utc: "Times are UTC.",
  },
  usage: {
    error: "error",
    unknownCommand: (name: string) => `unknown command "${name}"`,
    unknownOption: (name: string) => `unknown option ${name}`,
    missingArgument: (name: string) => `${name} is missing`,
    missingValue: (flags: string) => `${flags} needs a value`,
    missingOption: (flags: string) => `${flags} is required`,
    tooMany: "too many arguments",
    didYouMean: (names: string) => `did you mean ${names}?`,
    seeHelp: (command: string) => `see: ${command} --help`,
    noSource: "say where the ledger is: --database <url>, DATABASE_URL, or --app <module>",
    twoSources: "--database and --app were both given: give one of them",
    needsApp: (command: string) =>
      `${command} runs functions of yours (commit, abandon, lists), so it needs --app <module>`,
    needsDatabase: "doctor looks at the database itself, so it needs --database <url> or DATABASE_URL",
    badUrl: "--database must be a URL such as postgres://user@host:5432/name; it could not be read as one",
    badKind: (kind: string) =>
      `--database: "${kind}" is no database that this command knows; use postgres://, mariadb:// or sqlite:`,
    driverMissing: (name: string) => `this database needs the package ${name}: npm install ${name}`,
    badSchema: "--schema must be 1 to 48 of a-z, 0-9 and _, and begin with a letter or _",
    badWhich:
      "name the operation by its id, or by its name and its key: outrigger ledger show checkout.pay order-17",
    badWhichSaga:
      "name the saga by its id, or by its name and its key: outrigger ledger sagas show trip trip-17",
    badState: (state: string, known: string) => `--state "${state}" is none of ${known}`,
    badNumber: (flag: string, range: string) => `${flag} must be a whole number, ${range}`,
    badDuration: (flag: string) => `${flag} must be a number with a unit: 500ms, 10s, 5m, 2h or 7d`,
    badDay: (flag: string) => `${flag} must be a day such as 2026-11-22`,
    badAs: "--as must be committed or abandoned",
    badLang: "--lang must be en or ko",
    badResult: "--result must be JSON",
    badReport: "--report must end in .html, .csv or .json",
    badAfter: "--after must be the id of an operation, or of a saga",
    personIsManual: "--wants-person means MANUAL, which --state leaves out: leave one of them out",
    emptyReason: "--reason must say why; it goes into the history",
    emptyBy: "--by must say who; it goes into the history",
    resultOnlyCommitted: "--result goes with --as committed only",
    toWithoutFrom: "--to needs --from",
    fromAfterTo: "--from is after --to",
    notAsked: (command: string) =>
      `${command} can move money, and nobody can be asked here: add --yes if you are sure`,
    appMissing: (file: string) => `--app: there is no file ${file}`,
    appFailed: (file: string, why: string) => `--app: ${file} could not be loaded: ${why}`,
    appNoLedger: (file: string) => `--app: ${file} does not export \`ledger\`, as createLedger makes it`,
    appNoReconciliations: (file: string) =>
      `--app: ${file} does not export \`reconciliations\`, an object of what createReconciliation makes`,
    noReconciliation: (name: string, known: string) =>
      `there is no reconciliation "${name}" in the app; it has ${known}`,
    whichReconciliation: (known: string) => `say which one: ${known}`,
  },
  failure: {
    unreachable: (where: string, why: string) => `the database ${where} could not be reached: ${why}`,
    noFile: (file: string) => `there is no database file ${file}`,
    slow: (where: string) => `the database ${where} did not answer in time`,
    commitUnknown:
      "the connection was lost while the change was being written: it may have been made. Look with outrigger ledger show",
    notMigrated: (schema: string) =>
      `the ledger's tables are missing in schema "${schema}", or of an older version: call await ledger.migrate() in your app, or say --schema`,
    notFound: "there is no such operation",
    noSuchSaga: "there is no such saga",
    interrupted: "interrupted",
    interruptedMove: (look: string) => `interrupted; it may have been done all the same: look with ${look}`,
    refused: (why: string) => `refused: ${why}`,
  },
  list: {
    head: {
      state: "STATE",
      operation: "OPERATION",
      key: "KEY",
      age: "AGE",
      next: "NEXT",
      provider: "PROVIDER",
      sends: "SENDS",
      error: "LAST ERROR",
      id: "ID",
    },
    none: "nothing is open",
    noneSuch: "no operation is like that",
    more: (id: string) => `there are more: --after ${id}, or --all`,
  },
  when: {
    now: "now",
    person: "a person",
    ended: "–",
    in: (span: string) => `in ${span}`,
    late: (span: string) => `${span} late`,
    ago: (span: string) => `${span} ago`,
    units: { d: " d", h: " h", m: " min", s: " s", ms: " ms" },
  },
  show: {
    facts: {
      id: "id",
      provider: "provider",
      created: "created",
      changed: "changed",
      sends: (count: string) => `sent ${count}`,
      once: "once",
      never: "not sent yet",
      times: (count: number) => `${count} times`,
    },
    happened: "What happened",
    known: "What is known",
    next: "What happens next",
    possible: "What you can do",
    request: "What was asked for",
    nothingPossible: "Nothing needs to be done.",
    by: (who: string) => `by ${who}`,
    lastError: (at: string, tries: number, text: string) =>
      `The last thing that went wrong, at ${at}${tries > 1 ? `, in try ${tries}` : ""}: ${text}`,
    cancelRequested: "Somebody asked for it to be undone.",
    failure: (text: string) => `It was abandoned because of: ${text}`,
    personOnly: "More than one effect may stand, at one provider or at two: look at each of them.",
    states: {
      READY: { name: "stored, not sent yet", known: "It has certainly not been sent." },
      SENDING: {
        name: "being sent",
        known: "A worker is sending it, or died while it did; it may have taken effect.",
      },
      UNKNOWN: {
        name: "may have taken effect",
        known: "It was sent, and nobody knows yet whether it took effect.",
      },
      CANCELLING: {
        name: "being undone",
        known:
          "It is being undone, and there is no way back. Until the provider confirms that, its effect may stand.",
      },
      DONE: {
        name: "took effect, committed here too",
        known: "It took effect, and the business row was committed with that.",
      },
      FAILED: {
        name: "has no effect, abandoned here too",
        known: "It has no effect, and the business row was voided with that.",
      },
      CANCELLED: {
        name: "undone, abandoned here too",
        known: "It was undone, and the business row was voided with that.",
      },
      MANUAL: {
        name: "waits for a person",
        known: "The ledger cannot find out how it ended. Look at the provider's own console, by the key.",
      },
    },
    nexts: {
      READY: (when: string) => `A worker sends it: ${when}.`,
      SENDING: (when: string) =>
        `Its worker has it until its lease ends (${when}); then any other finds out what became of it.`,
      UNKNOWN: (when: string) => `A worker asks the provider what became of it: ${when}.`,
      CANCELLING: (when: string) => `A worker asks the provider to undo it: ${when}.`,
      MANUAL: "Nothing happens by itself.",
      settled: "Nothing: it is settled.",
      late: "It is overdue, so perhaps no process resolves this operation: is one running, with ledger.start()?",
    },
    commands: {
      retry: "lets the provider be asked again, at once",
      cancel: "asks for it to be undone, once it is known what there is to undo",
      cancelDone: "undoes what was committed, where its provider can",
      resolveCommitted: "if the provider's console says that it took effect",
      resolveAbandoned: "if it says that it did not, or was undone there",
    },
    why: {
      created: "created",
      claimed: "a worker took it up",
      "claimed SENDING": "its worker's time was over, so it may have been sent",
      succeeded: "the provider says that it took effect",
      noEffect: "the call certainly had no effect",
      unclear: "the call ended without saying whether it took effect",
      refused: "the provider says that it refused it for good",
      notFound: "the provider does not know it, or not yet",
      inProgress: "the provider still works on it",
      inquiryFailed: "asking the provider got no answer",
      commitRejected: "the local transaction could not take the success",
      abandonRejected: "the local transaction could not take the failure",
      cancelled: "the provider says that it is undone",
      cancelFailed: "the cancel got no answer",
      cancelRefused: "the provider will never undo it this way",
      cancelRequested: "somebody asked for it to be undone",
      lateArrival: "it took effect after it had been settled as not done",
      contradicted: "it was committed, and the provider says that there is no such effect",
      strayEffect: "another provider says that it took effect there",
      operatorRetry: "a person put it back to work",
      operatorCommitted: "a person said that it took effect",
      operatorAbandoned: "a person said that it did not",
      noted: "noted only",
    },
  },
  move: {
    willRetry: {
      CANCELLING: "The provider will be asked again, at once, to undo it. Whoever works on it now loses it.",
      other:
        "The provider will be asked again, at once, what became of it; it is then committed, undone or sent again as its definition says. Whoever works on it now loses it.",
    },
    willCancel: {
      READY: "It will not be sent, and its business row is voided.",
      SENDING:
        "It is being sent. If it takes effect the provider is asked to undo it, where it can; its business row is voided.",
      DONE: "It was committed. The provider is asked to undo it, and its business row is voided then. There is no way back.",
      other:
        "If it took effect the provider is asked to undo it, where it can; its business row is voided then.",
    },
    willCommit:
      "Its business row will be committed as paid for, whatever the provider's books say. Nothing is sent.",
    willAbandon: "Its business row will be voided, whatever the provider's books say. Nothing is sent.",
    by: (who: string) => `by ${who}`,
    byUser: (who: string) => `by ${who} (the user of this machine)`,
    because: (reason: string) => `because: ${reason}`,
    goOn: "Go on? [y/N] ",
    yes: ["y", "yes"] as readonly string[],
    left: "nothing was done",
    notNow: {
      retry: (state: string) => `an operation in ${state} needs no retry`,
      cancelDone:
        "it was committed already, and only the app knows whether it can be undone: add --app <module>",
      cancelNothing: (state: string) => `it is ${state} already: there is nothing left to undo`,
      resolve: (state: string) => `only MANUAL waits for a person; it is ${state}`,
    },
    now: (state: string) => `It is ${state} now.`,
    nextStep: (when: string) => `Next: ${when}.`,
  },
  sagas: {
    head: {
      state: "STATE",
      saga: "SAGA",
      version: "VERSION",
      key: "KEY",
      age: "AGE",
      still: "STILL FOR",
      next: "NEXT",
      at: "AT",
      error: "LAST ERROR",
    },
    none: "no saga is under way",
    noneSuch: "no saga is like that",
    progress: "moved on",
    version: "version",
    steps: "Its steps, as they were begun",
    noSteps: "none has been begun",
    step: { name: "STEP", what: "TO", state: "STATE", operation: "OPERATION", key: "KEY" },
    whats: { do: "do it", undo: "undo it" },
    deleted: "deleted",
    failure: (step: string, text: string) => `It turned back because of ${step}: ${text}`,
    cancelled: (text: string) => `It turned back: ${text}`,
    lastError: (at: string, text: string) => `The last thing that stood in its way, at ${at}: ${text}`,
    lost: (step: string) =>
      `The row of ${step} has been deleted, so nobody knows how it ended: look at its provider, by the key.`,
    states: {
      RUNNING: { name: "goes forward", known: "What has taken effect stands, and the rest is to come." },
      COMPENSATING: {
        name: "goes back",
        known: "What took effect is undone, in reverse order. There is no way forward again.",
      },
      MANUAL: {
        name: "waits for a person",
        known: "A step waits for a person, or could neither be made nor undone in all its tries.",
      },
      DONE: { name: "every step stands", known: "Every step took effect, and was committed here." },
      COMPENSATED: { name: "nothing stands", known: "Nothing of it stands, here or at a provider." },
    },
    nexts: {
      open: (when: string) => `A worker looks at it: ${when}; and at once when a step under way has ended.`,
      MANUAL: "It goes on by itself once its step is settled: a worker looks at it now and then.",
      late: (version: string) =>
        `It is overdue, so perhaps no process has ${version} of it: is one running, with ledger.start()?`,
    },
    commands: {
      step: (name: string) => `what is known of ${name}, and how it is settled`,
      retry: "lets it go on at once; its steps that wait for a person go back to work",
      cancel: "turns it back, as long as its pivot has not taken effect",
    },
    why: {
      created: "created",
      turnedBack: (step: string) => `it turned back because of ${step}`,
      cancelRequested: "somebody asked for it to be undone",
      "needs a person": "a step needs a person",
      "goes on": "it goes on",
      ended: "ended",
      operatorRetry: "a person put it back to work",
    },
    willRetry:
      "It is looked at now, with all the patience of a new one; its steps that wait for a person go back to work. Whoever works on it now loses it.",
    willCancel: {
      EXECUTE:
        "It turns back: what is under way is asked to be cancelled, and what took effect is undone, in reverse order. If its pivot takes effect all the same it goes forward to its end.",
      CANCEL: "It goes back already. That it was asked for is noted once more.",
    },
    notNow: {
      retry: (state: string) => `a saga that is ${state} needs no retry`,
      cancelDone: "it is committed: undo it by a saga of its own, with a key of its own",
      cancelNothing: "nothing of it stands",
    },
  },
  reconcile: {
    day: (day: string, findings: number) =>
      `${day}: ${findings === 1 ? "1 finding" : `${findings} findings`}`,
    running: (name: string) => `${name}: every day that is due`,
    nothingDue: "no day was due",
    written: (file: string) => `report: ${file}`,
    head: { class: "CLASS", count: "COUNT" },
    sums: { currency: "CURRENCY", remote: "PROVIDER", local: "LEDGER", difference: "DIFFERENCE" },
    person: (count: number): string =>
      count === 0
        ? "nothing needs a person"
        : count === 1
          ? "1 finding needs a person"
          : `${count} findings need a person`,
    truncated: "there are more findings than a report lists; ask for fewer days",
    findingHead: { day: "DAY", class: "CLASS", key: "KEY", outcome: "DONE ABOUT IT" },
    noAction: "nothing yet",
    stopped: "stopped after a whole day; run it again for the rest",
  },
  doctor: {
    levels: { ok: "ok", warn: "warning", bad: "bad" },
    fix: "fix",
    healthy: "nothing is wrong",
    sick: (bad: number, warnings: number) =>
      `${bad} bad, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`,
    checks: {
      reachable: {
        name: "database",
        ok: (what: string): string => what,
      },
      version: {
        name: "server version",
        ok: (version: string) => `${version}, which is supported`,
        old: (version: string, least: string) =>
          `${version} is older than ${least}, the oldest that is tested`,
        oldFix: "upgrade the server",
        fresh: (version: string, most: string) =>
          `${version} is newer than ${most}, the newest that is tested`,
        freshFix: "nothing speaks against it; look for a newer release of this package",
      },
      tables: {
        name: "tables",
        ok: (version: string) => `at version ${version}, as this release expects`,
        missing: "the ledger's tables are not there",
        older: (at: string, wants: string) => `at version ${at}; this release expects ${wants}`,
        newer: (at: string, wants: string) =>
          `at version ${at}, made by a newer release; this one knows ${wants}`,
        fix: "call await ledger.migrate() in your app, or say the right --schema",
        newerFix: "use the command of the release that your app uses",
        unlogged: (names: string) => `${names}: unlogged, so a crash of the server empties them`,
        unloggedFix: "alter table ... set logged",
        invalid: (names: string) => `${names}: an index that cannot be used`,
        invalidFix: "reindex index concurrently ...",
      },
      durability: {
        name: "durability",
        ok: "a commit survives a crash of the server",
        broken: (what: string) => `the file is damaged: ${what}`,
        brokenFix: "restore a backup, then reconcile with the providers from its day on",
        setting: (setting: string) =>
          `${setting}: what was committed can be lost, and then money moves twice or without a row`,
        settingFix: (setting: string) => `set ${setting}; the ledger's promise rests on it`,
        engine: (names: string) => `${names}: not InnoDB, so there are no transactions`,
        engineFix: "alter table ... engine = InnoDB",
        role: (where: string, value: string) => `${value} is set for ${where}`,
        replica: "this is a replica: it cannot be written to",
        replicaFix: "connect to the primary",
        readOnly: "transactions are read-only by default here",
        readOnlyFix: "set default_transaction_read_only = off for the ledger's user",
        async: (count: string) =>
          `${count} standby without synchronous replication: a failover can forget the last commits`,
        asyncFix: "set synchronous_standby_names, or reconcile the day of a failover with the providers",
      },
      people: {
        name: "waiting for a person",
        ok: "nothing is MANUAL",
        bad: (count: string) => `${count} MANUAL: money may be at risk, and nothing happens by itself`,
        fix: "outrigger ledger list --wants-person, then show, then resolve or retry",
        sagas: (count: string) =>
          `${count} ${count === "1" ? "saga" : "sagas"} MANUAL: nothing happens by itself`,
        sagasFix:
          "outrigger ledger sagas list --wants-person, then sagas show; settle the steps that it names",
      },
      sagas: {
        name: "sagas",
        ok: (count: string) => `${count} under way, each looked at in time`,
        late: (names: string, span: string) =>
          `no running process takes up ${names} (due for ${span}): their steps stay as they are`,
        fix: "deploy a process that defines that version and calls ledger.start(): old ones must run until they are drained",
      },
      oldest: {
        name: "oldest open",
        none: "nothing is open",
        ok: (span: string) => `open for ${span}`,
        warn: (span: string) => `open for ${span}: its provider does not say what became of it`,
        fix: "outrigger ledger list --older-than 1h, then show one",
      },
      workers: {
        name: "workers",
        ok: "what is due is taken up in time",
        nobody: (count: string, span: string) =>
          `${count} due, the first for ${span}: no process takes them up`,
        nobodyFix: "start a process that defines the operations and calls ledger.start(); look at its log",
        undefinedHere: (names: string, span: string) =>
          `no running process takes up ${names} (due for ${span}), others are taken up`,
        undefinedFix:
          "deploy a process that defines that operation: old versions must run until they are drained",
        leases: (count: string, span: string) =>
          `${count} in SENDING, the lease over for ${span}: a process died, and no other has taken them up`,
        partial: (count: string) => `looked at the first ${count} open operations only`,
      },
      retention: {
        name: "retention",
        ok: "what has ended is moved out of the way",
        behind: (span: string) => `the oldest settled operation ended ${span} ago and is still in the way`,
        copies: (span: string) => `copies wait for ${span} for their originals to go`,
        fix: "ledger.start() does it in the background; or call ledger.tidy() on a schedule",
      },
      statistics: {
        name: "table statistics",
        ok: (rows: string, size: string) => `about ${rows} rows, ${size}`,
        dead: (dead: string, live: string) => `${dead} dead rows beside ${live}: autovacuum does not keep up`,
        deadFix: "lower autovacuum_vacuum_scale_factor of the table, and look for long transactions",
        unanalyzed: (rows: string) => `never analyzed, with about ${rows} rows: plans may read whole tables`,
        unanalyzedFix: (table: string) => `analyze ${table}`,
      },
      transactions: {
        name: "long transactions",
        ok: "none",
        long: (span: string) => `one has been open for ${span}: dead rows stay, and locks may`,
        idle: (span: string) =>
          `one has been idle in a transaction for ${span}: it holds a connection for nothing`,
        fix: "look in pg_stat_activity who it is; set idle_in_transaction_session_timeout",
      },
    },
  },
};

/** The shape every language fills: the same keys, functions with the same parameters. */
export type Text = Shape<typeof en>;

type Shape<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => string
    ? (...args: A) => string
    : T[K] extends string
      ? string
      : T[K] extends readonly string[]
        ? readonly string[]
        : Shape<T[K]>;
};

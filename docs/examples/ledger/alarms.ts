import { type Alarms, createAlarms, type Ledger } from "@outrigger/ledger";

/** Wakes somebody, or lets them sleep again. */
type Page = (type: "alarmRaised" | "alarmCleared", message: string, dedupeKey: string) => void;

export function watchMoney(ledger: Ledger, page: Page): Alarms {
  // #region alarms
  const alarms = createAlarms(ledger, {
    oldestUnknown: "10m",
    manual: 1,
    moneyAtRisk: { EUR: "500", KRW: "1000000" },
    onAlarm: ({ type, message, dedupeKey }) => page(type, message, dedupeKey),
  });
  alarms.start(); // and `await alarms.stop()` when the process ends

  alarms.snapshot(); // what is raised, and what is at risk, as of the last look: for a console
  // #endregion
  return alarms;
}

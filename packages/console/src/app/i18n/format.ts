export type Language = "en" | "ko";

/** Numbers as a reader of one language expects them. `null` becomes a dash: nothing was measured. */
export interface Formats {
  count(value: number): string;
  /** At most one decimal. */
  rate(value: number): string;
  /** Milliseconds below a second, then seconds, one decimal below ten. */
  duration(ms: number | null): string;
  /** Whole seconds, rounded up: a countdown that has not ended never shows 0. */
  countdown(ms: number): string;
  /** Whole seconds, minutes, hours or days, rounded down: how long something has been there. */
  span(ms: number): string;
  time(atMs: number): string;
}

const spans = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

export const absent = "–";

export function formats(language: Language): Formats {
  const count = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const rate = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const unit = (
    name: "millisecond" | "second" | (typeof spans)[number][0],
    decimals: number,
  ): Intl.NumberFormat =>
    new Intl.NumberFormat(language, {
      style: "unit",
      unit: name,
      unitDisplay: "narrow",
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
  const milliseconds = unit("millisecond", 0);
  const tenths = unit("second", 1);
  const seconds = unit("second", 0);
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return {
    count: (value) => count.format(value),
    rate: (value) => rate.format(value),
    duration(ms) {
      if (ms === null) return absent;
      // 999.6 would read "1,000 ms", and 9.97 s "10.0 s": decide on the number that will be shown.
      if (Math.round(ms) < 1_000) return milliseconds.format(ms);
      return ms < 9_950 ? tenths.format(ms / 1_000) : seconds.format(ms / 1_000);
    },
    countdown: (ms) => seconds.format(Math.ceil(Math.max(0, ms) / 1_000)),
    span(ms) {
      const [name, size] = spans.find(([, each]) => ms >= each) ?? ["second", 1_000];
      return unit(name, 0).format(Math.floor(Math.max(0, ms) / size));
    },
    time: (atMs) => time.format(atMs),
  };
}

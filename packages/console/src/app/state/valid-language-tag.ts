// Chromium under LANG=C calls its language "en-US@posix", which Intl refuses with a RangeError; uPlot hands it to
// Intl while it loads, and the page would stay empty. This module therefore has to be imported before uPlot.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
}

import sparticuz from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

/**
 * Flags of the packaged Chromium that would make the tests easier to pass than a real visit: without web security
 * the page's Content-Security-Policy and the same-origin rule prove little, and with a single process one crashed
 * page takes the others along.
 */
const unwanted = new Set([
  "--single-process",
  "--disable-web-security",
  "--allow-running-insecure-content",
  "--disable-site-isolation-trials",
]);

/**
 * Starts Chromium without a window. `CHROMIUM_PATH` names one to use instead of the one that comes from npm.
 *
 * It runs as root and in a closed network: no sandbox, and nothing that calls home.
 */
export async function launchBrowser(): Promise<Browser> {
  const own = process.env["CHROMIUM_PATH"];
  return await chromium.launch({
    executablePath: own ?? (await sparticuz.executablePath()),
    args: [
      ...(own === undefined ? sparticuz.args.filter((flag) => !unwanted.has(flag)) : []),
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
    headless: true,
  });
}

import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { buildConsole } from "../build.ts";
import { launchBrowser } from "./browser.ts";
import { sampleHistory } from "./sample.ts";
import { startScriptedServer } from "./scripted-server.ts";

// Pictures of the page. With scripted numbers, to look at a change of the page:
//   node --conditions=@outrigger/source packages/console/test/screenshot.ts --out console.png
// Of a running shop, for the README, where only measured numbers belong:
//   node --conditions=@outrigger/source packages/console/test/screenshot.ts --url http://127.0.0.1:PORT/ \
//     --out console.webp --height 1245
// Other options: --dark, --language ko (needs a Korean font on the machine), --width 360, --full (PNG only).
const { values } = parseArgs({
  options: {
    url: { type: "string" },
    out: { type: "string", default: "console.png" },
    width: { type: "string", default: "1280" },
    height: { type: "string", default: "860" },
    language: { type: "string", default: "en" },
    dark: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    snapshots: { type: "string", default: "600" },
    scale: { type: "string", default: "1" },
  },
});

await buildConsole();
const server = await startScriptedServer();
const browser = await launchBrowser();
try {
  server.history = sampleHistory({ endAtMs: Date.now(), snapshots: Number(values.snapshots) });
  const page = await browser.newPage({
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.dark ? "dark" : "light",
    locale: values.language === "ko" ? "ko-KR" : "en-GB",
    reducedMotion: "reduce",
    deviceScaleFactor: Number(values.scale),
  });
  page.on("console", (message) => console.log(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => console.log(error));
  await page.goto(values.url ?? server.url);
  await page.locator('[data-connection="live"]').waitFor();
  await page.waitForTimeout(300);
  if (values.out.endsWith(".webp")) {
    // At this quality about half of the PNG (115 kB for 212 kB at 1280 x 1185). Playwright has no name for it, the browser's own protocol does.
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 80 });
    await writeFile(values.out, Buffer.from(data, "base64"));
  } else await page.screenshot({ path: values.out, fullPage: values.full });
} finally {
  await browser.close();
  await server.close();
}

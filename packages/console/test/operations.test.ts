import { AxeBuilder } from "@axe-core/playwright";
import type { OperationDetail, OperationRow } from "@outrigger/console";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { buildConsole } from "../build.ts";
import { launchBrowser } from "./browser.ts";
import { sampleHistory } from "./sample.ts";
import { type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

// The ledger's desk on the page: waiting is Playwright's, as in page.test.ts.
let browser: Browser;
let server: ScriptedServer;
let page: Page;
let complaints: string[];
let asked: string[];

beforeAll(async () => {
  await buildConsole();
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
});
beforeEach(async () => {
  server = await startScriptedServer();
  server.history = sampleHistory({ endAtMs: Date.now(), snapshots: 3 });
  complaints = [];
  asked = [];
  server.operations = (path) => {
    asked.push(path);
    const { pathname, searchParams } = new URL(path, "http://console");
    if (pathname !== "/api/operations") return detail;
    const state = searchParams.get("state");
    const operations = [manual, unknown].filter((row) => state === "OPEN" || row.state === state);
    return { operations, next: null };
  };
});
afterEach(async () => {
  await page?.context().close();
  await server.close();
});

const row = (key: string, state: OperationRow["state"], nextAt: string | null): OperationRow => ({
  id: `0193e0a0-0000-7000-8000-0000000000${key}`,
  operation: "checkout.pay",
  key: `order-${key}`,
  state,
  provider: "a",
  createdAt: "2026-11-22T16:10:00.000000Z",
  nextAt,
  asOf: "2026-11-22T16:10:09.000000Z",
});
const manual = row("17", "MANUAL", null);
const unknown = row("18", "UNKNOWN", "2026-11-22T16:10:13.000000Z");
const detail: OperationDetail = {
  ...manual,
  attempt: 1,
  lastError: { code: "DOWN", message: "no answer <b>at all</b>" },
  history: [
    {
      at: "2026-11-22T16:10:00.000000Z",
      from: null,
      to: "SENDING",
      why: "created",
      evidence: null,
      by: null,
    },
    {
      at: "2026-11-22T16:10:08.000000Z",
      from: "UNKNOWN",
      to: "MANUAL",
      why: "inquiryFailed: DOWN",
      evidence: null,
      by: null,
    },
  ],
  possible: ["retry", "cancel", "resolve"],
};

async function visit(
  options: { locale?: string; width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<void> {
  const { locale = "en-US", width = 1280, colorScheme = "light" } = options;
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    locale,
    colorScheme,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(server.url);
  await page.locator('[data-connection="live"]').waitFor();
}

const desk = (): Locator => page.locator("details.operations");
const openDesk = (): Promise<void> => desk().locator("summary").click();
const dialog = (): Locator => page.getByRole("dialog");
const violations = async (): Promise<string[]> =>
  (await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);

test("the desk asks for nothing until it is opened, and then shows what is open", async () => {
  await visit();
  expect(asked).toEqual([]);
  await openDesk();
  const rows = desk().locator("tbody tr");
  await rows.first().waitFor();
  expect(await rows.allTextContents()).toEqual([
    "MANUALcheckout.pay order-179sa person",
    "UNKNOWNcheckout.pay order-189sin 4s",
  ]);
  await desk().getByRole("combobox").selectOption("UNKNOWN");
  await expect.poll(() => rows.count()).toBe(1);
  expect(complaints).toEqual([]);
});

test("an operation tells its story, and what is done needs a choice, a reason and a name", async () => {
  await visit();
  await openDesk();
  await desk().getByRole("button", { name: "Look at checkout.pay order-17" }).click();
  await dialog().getByText("inquiryFailed: DOWN").waitFor();
  expect(await dialog().locator("b").count()).toBe(0);
  const go = dialog().getByRole("button", { name: "Do it" });
  expect(await go.getAttribute("aria-disabled")).toBe("true");
  await dialog().getByRole("radio", { name: "It took effect" }).check();
  await dialog().getByLabel("Why").fill("seen in their console");
  expect(await go.getAttribute("aria-disabled")).toBe("true");
  await dialog().getByLabel("Your name").fill("kim");

  server.answer = async () => ({ status: 409, body: { detail: "only MANUAL waits for a person" } });
  await go.click();
  await dialog().getByRole("alert").getByText("only MANUAL waits for a person").waitFor();
  expect(server.mutations).toEqual([
    {
      method: "POST",
      path: `/api/operations/${manual.id}/moves`,
      header: "1",
      body: { move: "commit", reason: "seen in their console", by: "kim" },
    },
  ]);

  server.answer = async () => ({ status: 200, body: { ...detail, state: "DONE", possible: [] } });
  await go.click();
  await dialog().getByText("Nothing needs to be done.").waitFor();
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "hidden" });
});

test("a list that cannot be read is explained in words", async () => {
  server.operations = () => undefined;
  await visit();
  await openDesk();
  await desk()
    .getByRole("alert")
    .getByText("The console's server answered 404. there is no such operation")
    .waitFor();
});

test.each([
  ["en-US", "light", 320],
  ["ko-KR", "dark", 1280],
] as const)(
  "axe finds nothing to object to in %s and %s at %i px, and nothing is scrolled sideways",
  async (locale, colorScheme, width) => {
    await visit({ locale, colorScheme, width });
    await openDesk();
    await desk().locator("tbody tr").first().waitFor();
    const overflow = (): Promise<unknown> =>
      page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect([await overflow(), await violations()]).toEqual([0, []]);
    await desk().locator("tbody button").first().click();
    await dialog().waitFor();
    expect([await overflow(), await violations()]).toEqual([0, []]);
    if (locale === "ko-KR") await dialog().getByText("다시 진행").waitFor();
  },
);

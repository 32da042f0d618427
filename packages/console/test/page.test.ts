import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { buildConsole } from "../build.ts";
import { launchBrowser } from "./browser.ts";
import { sampleHistory, sampleSnapshot } from "./sample.ts";
import { type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

// One browser, and for every test a server and a page of its own. Waiting is Playwright's: a locator waits until
// it matches, so no test sleeps and none depends on how fast the machine is.
vi.setConfig({ testTimeout: 60_000 });

let browser: Browser;
let server: ScriptedServer;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  await buildConsole();
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
});

beforeEach(async () => {
  server = await startScriptedServer();
  server.history = sampleHistory({ endAtMs: Date.now() });
  complaints = [];
});
afterEach(async () => {
  await page?.context().close();
  await server.close();
});

type Visit = {
  clock?: boolean;
  script?: string;
  width?: number;
  height?: number;
  locale?: string;
  colorScheme?: "light" | "dark";
};

async function visit(options: Visit = {}): Promise<void> {
  const { width = 1280, height = 900, locale = "en-US", colorScheme = "light" } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    locale,
    colorScheme,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(20_000);
  if (options.script !== undefined) await context.addInitScript(options.script);
  page = await context.newPage();
  if (options.clock) await page.clock.install();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.goto(server.url);
  await page.locator('[data-connection="live"]').waitFor();
}

const lane = (name: string): Locator => page.getByRole("article", { name });
const faults = (provider: string): Locator => page.getByRole("radiogroup", { name: provider });
const figure = (laneName: string, key: string): Locator => lane(laneName).locator(`[data-count="${key}"] dd`);
const shows = (locator: Locator, text: string): Promise<void> => locator.getByText(text).first().waitFor();

describe("numbers", () => {
  test("both lanes show their orders, defects, speed and database connections", async () => {
    await visit();
    expect(await figure("Bare", "orders").textContent()).toBe("5,750");
    expect(await lane("Bare").locator('[data-defect="chargedTwice"] dd').textContent()).toBe("19");
    expect(await lane("Bare").locator('[data-defect="chargedWithoutOrder"] dd').textContent()).toBe("31");
    await shows(lane("Bare"), "50 defects: money and orders disagree");
    await shows(lane("Bare"), "20 of 20 in use");
    await shows(lane("Bare"), "37 waiting");

    expect(await figure("Outrigger", "pending").textContent()).toBe("5");
    expect(await figure("Outrigger", "p999Ms").textContent()).toBe("3.1s");
    await shows(lane("Outrigger"), "Money and orders agree");
    expect(
      await lane("Outrigger")
        .getByRole("meter", { name: "Database connections" })
        .getAttribute("aria-valuenow"),
    ).toBe("2");
    expect(complaints).toEqual([]);
  });

  test("a message changes what is shown", async () => {
    await visit();
    const next = sampleSnapshot(Date.now() + 500);
    const bare = { ...next.lanes.bare, orders: 6_001, p99Ms: null };
    server.send({ ...next, lanes: { ...next.lanes, bare }, shop: { up: false, restarts: 3 } });
    await figure("Bare", "orders").getByText("6,001").waitFor();
    expect(await figure("Bare", "p99Ms").textContent()).toBe("–");
    await page.locator('[data-shop="down"]').getByText("3 restarts").waitFor();
  });

  test("an open circuit says so in words, with its reason and the time to half-open", async () => {
    await visit();
    const integration = page.locator('[data-integration="pay-a"]');
    await shows(integration, "Open");
    await shows(integration, "half-open in 9s");
    await shows(integration, "14 of 20 calls failed within 10s (70 %, limit 50 %)");
    await shows(page.locator('[data-integration="pay-b"]'), "Closed");
  });

  test("the chart draws 600 snapshots, and a table holds the same for those who do not see it", async () => {
    await visit();
    expect(await page.locator("canvas").count()).toBe(2);
    const rows = page.locator("table tbody tr");
    expect(await rows.count()).toBe(10);
    expect(await rows.first().textContent()).toContain("pay-a: Charge, then hang");
    await page.setViewportSize({ width: 700, height: 900 });
    const widths =
      "[...document.querySelectorAll('.plot-host')].every((p) => p.querySelector('.uplot').clientWidth === p.clientWidth)";
    await page.waitForFunction(widths);
    expect(complaints).toEqual([]);
  });

  test("a page without any snapshot yet is whole and says what it waits for", async () => {
    server.history = [];
    await visit();
    await shows(page.locator("main"), "Waiting for the first numbers");
    expect(await figure("Bare", "orders").textContent()).toBe("–");
    expect(await violations()).toEqual([]);
    server.send(sampleSnapshot(Date.now()));
    await figure("Bare", "orders").getByText("5,750").waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("controls", () => {
  test("a fault is chosen by keyboard alone and sent with the console's header", async () => {
    await visit();
    const healthy = faults("pay-b").getByRole("radio", { name: "Healthy" });
    await healthy.focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const chosen = faults("pay-b").getByRole("radio", { name: "Charge, then reset" });
    expect(await chosen.evaluate((element) => element.matches(":focus-visible"))).toBe(true);
    await shows(page.locator(".fault-notes"), "cuts the connection before the answer");
    expect(server.mutations).toEqual([]);

    await page.keyboard.press("Space");
    await waitFor(() => server.mutations.length === 1);
    expect(server.mutations).toEqual([
      { method: "PUT", path: "/api/providers/pay-b/fault", header: "1", body: { kind: "applyThenReset" } },
    ]);
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowDown");
    expect(await healthy.evaluate((element) => element.matches(":focus"))).toBe(true);
  });

  test("arrow keys that come faster than the page is drawn lose no step", async () => {
    await visit();
    await faults("pay-b").getByRole("radio", { name: "Healthy" }).focus();
    const focused = await page.evaluate(`(() => {
      for (let step = 0; step < 5; step += 1)
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
      return document.activeElement.getAttribute("aria-label");
    })()`);
    expect(focused).toBe("Reset at once");
  });

  test("each group of choices is one tab stop, and the selected option is the one", async () => {
    await visit();
    await page
      .getByRole("radiogroup", { name: "Demo customers per second" })
      .getByRole("radio", { name: "20" })
      .focus();
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    expect(await focused.getAttribute("aria-label")).toBe("Charge, then hang");
    await page.keyboard.press("Tab");
    expect(await focused.getAttribute("aria-label")).toBe("Healthy");
    await page.keyboard.press("Tab");
    expect(await focused.textContent()).toContain("Heal all");
  });

  test("while an answer is awaited its buttons are disabled and a second press sends nothing", async () => {
    let answer = (): void => {};
    server.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve({ status: 204 });
      });
    await visit();
    const slow = faults("pay-b").getByRole("radio", { name: "Slow" });
    await slow.click();
    await faults("pay-b").locator('[aria-disabled="true"]').first().waitFor();
    await faults("pay-b").getByRole("radio", { name: "503" }).click({ force: true });
    await slow.press("Enter");
    expect(server.mutations).toHaveLength(1);
    expect(await faults("pay-a").locator('[aria-disabled="true"]').count()).toBe(0);

    answer();
    const next = sampleSnapshot(Date.now() + 500);
    const providers = next.providers.map((provider) => ({ ...provider, fault: "slow" as const }));
    server.send({ ...next, providers });
    await faults("pay-b").locator('[aria-disabled="false"]').first().waitFor();
    expect(await slow.getAttribute("aria-checked")).toBe("true");
  });

  test("customers, heal all and the kill go to their addresses", async () => {
    await visit();
    await page.getByRole("radio", { name: "5", exact: true }).click();
    await page.getByRole("button", { name: "Heal all" }).click();
    await page.getByRole("button", { name: "Kill the shop (SIGKILL)" }).click();
    await waitFor(() => server.mutations.length === 3);
    const sent = server.mutations.map(({ method, path, header, body }) => ({ method, path, header, body }));
    expect(sent).toEqual([
      { method: "PUT", path: "/api/traffic", header: "1", body: { perSecond: 5 } },
      // pay-b is healthy already.
      { method: "PUT", path: "/api/providers/pay-a/fault", header: "1", body: { kind: "healthy" } },
      { method: "POST", path: "/api/shop/kill", header: "1", body: {} },
    ]);
  });

  test("a refused wish is explained in words until it is dismissed", async () => {
    server.answer = async () => ({ status: 409, body: { detail: "The storm is running." } });
    await visit();
    await faults("pay-b").getByRole("radio", { name: "Slow" }).click();
    const alert = page.getByRole("alert");
    await shows(
      alert,
      "Provider pay-b was not set to “Slow”. The console's server answered 409. The storm is running.",
    );
    expect(await violations()).toEqual([]);
    await alert.getByRole("button", { name: "Dismiss" }).click();
    await alert.locator("p").waitFor({ state: "detached" });
  });

  test("a server that is gone is explained in words too", async () => {
    await visit();
    await page.route("**/api/**", (route) => route.abort("connectionrefused"));
    await page.getByRole("button", { name: "Kill the shop" }).click();
    await shows(page.getByRole("alert"), "The shop was not killed. The console's server did not answer.");
  });
});

describe("connection", () => {
  test("a lost connection is shown and said, and the page comes back by itself", async () => {
    // With the clock standing still silence cannot be noticed: only the closed connection itself can be.
    await visit({ script: "const now = Date.now(); Date.now = () => now" });
    server.eventsStatus = 503; // After such an answer an EventSource gives up for good.
    server.dropStreams();
    await shows(page.locator('[data-banner="lost"]'), "Connection lost, trying again.");
    await page.locator('[data-connection="lost"]').waitFor();
    await page.locator("[data-live]").getByText("Connection lost, trying again.").waitFor();
    expect(await figure("Bare", "orders").textContent()).toBe("5,750");
    expect(await violations()).toEqual([]);

    server.eventsStatus = 200;
    await page.locator('[data-connection="live"]').waitFor();
    await page.locator('[data-banner="lost"]').waitFor({ state: "detached" });
    expect(server.streams).toBe(1);
  });

  test("a connection that falls silent is given up and made anew, one that speaks is kept", async () => {
    await visit({ clock: true });
    for (const orders of [6_001, 6_002, 6_003, 6_004]) {
      await page.clock.runFor(2_000);
      const next = sampleSnapshot(Date.now());
      server.send({ ...next, lanes: { ...next.lanes, bare: { ...next.lanes.bare, orders } } });
      await figure("Bare", "orders").getByText(orders.toLocaleString("en")).waitFor();
    }
    expect(server.opened).toBe(1);

    await page.clock.runFor(7_000);
    await waitFor(() => server.opened === 2 && server.streams === 1);
    await page.locator('[data-connection="live"]').waitFor();
  });

  test("numbers in an unknown form are explained instead of shown", async () => {
    await visit();
    server.sendRaw('{"atMs":1}');
    await shows(page.getByRole("alert"), "numbers in a form this page does not know");
    server.sendRaw("not JSON");
    server.send(sampleSnapshot(Date.now()));
    await page.getByText("numbers in a form this page does not know").waitFor({ state: "detached" });
    expect(await figure("Bare", "orders").textContent()).toBe("5,750");
    expect(complaints).toEqual([]);
  });

  test("changes of state are announced politely", async () => {
    await visit();
    const next = sampleSnapshot(Date.now() + 500);
    server.send({ ...next, providers: next.providers.map((provider) => ({ ...provider, fault: "refuse" })) });
    const live = page.locator('[aria-live="polite"]');
    await live.getByText("Provider pay-a: Refuse connections. Provider pay-b: Refuse connections.").waitFor();
  });
});

describe("reader", () => {
  test("a Korean browser gets Korean; the switch changes everything and is remembered", async () => {
    await visit({ locale: "ko-KR" });
    expect(await page.locator("html").getAttribute("lang")).toBe("ko");
    await shows(page.locator("h1"), "결제는 됐는데 우리 서버는 타임아웃이 났습니다.");
    await shows(lane("일반 구현"), "결함 50건: 돈과 주문이 어긋났습니다");
    await page.getByRole("radio", { name: "English" }).click();
    await shows(lane("Bare"), "50 defects");
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await page.title()).toBe("Outrigger console");
    await page.reload();
    await shows(lane("Bare"), "50 defects");
  });

  test("a browser with an invalid language tag, as under LANG=C, gets the page in English", async () => {
    await visit({
      script: 'Object.defineProperty(navigator, "language", { value: "en-US@posix", configurable: true })',
    });
    await shows(lane("Bare"), "50 defects");
    expect(await page.locator("canvas").count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test("dark follows the system until a scheme is chosen, which is remembered", async () => {
    await visit({ colorScheme: "dark" });
    const ground = (): Promise<unknown> =>
      page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const dark = await ground();
    await page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    expect(light).not.toBe(dark);
    await page.getByRole("radio", { name: "Dark" }).click();
    expect(await ground()).toBe(dark);
    await page.reload();
    await page.locator('[data-connection="live"]').waitFor();
    expect(await ground()).toBe(dark);
    expect(complaints).toEqual([]);
  });

  for (const colorScheme of ["light", "dark"] as const) {
    for (const locale of ["en-US", "ko-KR"]) {
      test(`axe finds nothing to object to in ${colorScheme} and ${locale}`, async () => {
        await visit({ colorScheme, locale });
        expect(await violations()).toEqual([]);
        expect(complaints).toEqual([]);
      });
    }
  }

  for (const width of [320, 360, 768, 1080, 1280, 1920]) {
    test(`nothing has to be scrolled sideways at ${width} px, in either language`, async () => {
      await visit({ width, locale: "ko-KR" });
      const overflow = (): Promise<unknown> =>
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      expect(await overflow()).toBe(0);
      await page.getByRole("radio", { name: "English" }).click();
      await lane("Bare").waitFor();
      expect(await overflow()).toBe(0);
    });
  }
});

async function violations(): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

async function waitFor(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 20_000 }).toBe(true);
}

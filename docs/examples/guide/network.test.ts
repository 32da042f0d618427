import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectDefaults, HttpFailure } from "@outrigger/http";
import { expect, onTestFinished, test } from "vitest";
import { maps, orders, payments } from "./network.ts";

async function serve(): Promise<{ port: number; targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((request, response) => {
    targets.push(request.url ?? "");
    response.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, targets };
}

test("a name of the own machine is refused at once, and so is one that leads there", async () => {
  expect(() => maps("https://localhost")).toThrow(/^public is true, but the host of baseUrl, localhost/);
  expect(() => maps("https://169.254.169.254")).toThrow(/is not public/);
});

test("a plain request goes to the proxy of the environment with its whole URL", async () => {
  const proxy = await serve();
  process.env["HTTP_PROXY"] = `http://127.0.0.1:${proxy.port}`;
  onTestFinished(() => void delete process.env["HTTP_PROXY"]);
  const api = payments("http://payments.example");
  onTestFinished(() => api.close());
  await api.request("inquire", { params: { id: "7" } });
  expect(proxy.targets).toEqual(["http://payments.example/v1/payments/7"]);
});

test("a registry says where the service is, and that it does not know is a failure without effect", async () => {
  const { port } = await serve();
  const asked: string[] = [];
  const find = async (host: string): Promise<string[]> => {
    asked.push(host);
    return asked.length === 1 ? ["127.0.0.1"] : Promise.reject(new Error("no such service"));
  };
  for (const expected of [undefined, { code: "DNS_FAILED", effect: "none", transient: true }]) {
    const api = orders(`http://orders.internal:${port}`, { find });
    onTestFinished(() => api.close());
    const failure = await api.request("find", { params: { id: 1 } }).then(
      () => undefined,
      (error: unknown) => (HttpFailure.is(error) ? error : Promise.reject(error)),
    );
    if (expected === undefined) expect(failure).toBeUndefined();
    else expect(failure).toMatchObject(expected);
  }
  // One call, and the three attempts of the other.
  expect(asked).toEqual(Array(4).fill("orders.internal"));
});

test("the table names the defaults", () => {
  expect(connectDefaults).toEqual({ public: false, proxy: false, dns: { follow: "60s" } });
});

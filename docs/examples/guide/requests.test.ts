import { once as onceEvent } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { confirm, foreign, once, type Payments, payments, upload } from "./requests.ts";

async function serve(listener: RequestListener): Promise<Payments> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => listener(request, response));
  });
  server.listen(0, "127.0.0.1");
  await onceEvent(server, "listening");
  const api = payments(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(async () => {
    await api.close();
    server.closeAllConnections();
    server.close();
  });
  return api;
}

test("an amount is what was written, and a declined card is told by its code", async () => {
  const bodies = ['{"amount":9007199254740993}', '{"code":"REJECT_CARD_COMPANY"}'];
  const api = await serve((_request, response) => {
    response.statusCode = bodies.length === 2 ? 200 : 400;
    response.end(bodies.shift());
  });
  expect(await confirm(api)).toEqual({ amount: "9007199254740993" });
  expect(await confirm(api)).toBe("declined: REJECT_CARD_COMPANY");
});

test("a file is sent while it is read, and tells how far it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "outrigger-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "july.csv");
  await writeFile(path, "a,b\n".repeat(1_000));
  const api = await serve((_request, response) => void response.end("{}"));
  const seen = await upload(api, path);
  expect(seen.filter(({ direction }) => direction === "upload").at(-1)).toMatchObject({
    bytes: 4_000,
    totalBytes: 4_000,
  });
});

test("a stream that was read beyond what is kept is not sent again, and the failure says so", async () => {
  let requests = 0;
  const api = await serve((_request, response) => {
    requests += 1;
    response.writeHead(504).end();
  });
  async function* lines(): AsyncGenerator<string> {
    for (let line = 0; line < 500; line += 1) yield `${line},a\n`;
  }
  expect(await once(api, lines())).toBe(
    "payments.upload: it answered 504; not sent again: its body is a stream, of which more was read than is kept (replay: 1KiB)",
  );
  expect(requests).toBe(1);
});

test("a request of another client is the operation that it fits", async () => {
  const api = await serve((_request, response) => void response.writeHead(402).end());
  expect(await foreign(api)).toEqual([402, "confirm", "none", "HTTP_402"]);
});

import "reflect-metadata";
import type { AddressInfo } from "node:net";
import {
  Catch,
  Controller,
  type ExceptionFilter,
  HttpException,
  type INestApplication,
  Module,
  Param,
  Post,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { nestProblems } from "../../src/server/nestjs.ts";
import { expectProblems, options, thrown } from "./cases.ts";

// Decorators called as the functions that they are, because these sources are run without a compiler.
class FailController {
  fail(name: string): never {
    if (name === "foreign") throw foreignFailure();
    throw (
      thrown[name]?.() ??
      (name === "teapot" ? new HttpException("short and stout", 418) : new Error("not ours"))
    );
  }
}
const { prototype } = FailController;
const descriptor = Object.getOwnPropertyDescriptor(prototype, "fail") as TypedPropertyDescriptor<unknown>;
Param("name")(prototype, "fail", 0);
Post(":name")(prototype, "fail", descriptor);
Controller("fail")(FailController);

/** As another copy of the package makes it: no instance of this one's class. */
function foreignFailure(): Error {
  const facts = { code: "BREAKER_OPEN", kind: "rejected", effect: "none", transient: true };
  return Object.assign(new Error("open"), facts, { [Symbol.for("outrigger.failure")]: true });
}

class AppModule {}
Module({ controllers: [FailController] })(AppModule);

async function listening(prepare: (app: INestApplication) => void): Promise<string> {
  const app = await NestFactory.create(AppModule, { logger: false });
  prepare(app);
  onTestFinished(() => app.close());
  await app.listen(0, "127.0.0.1");
  return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}

test("NestJS answers failures as problems", async () => {
  await expectProblems(await listening((app) => app.useGlobalFilters(nestProblems(Catch, options))));
});

test("NestJS answers everything else as it would without", async () => {
  const answers = [];
  for (const filters of [[], [nestProblems(Catch, options)]] satisfies ExceptionFilter[][]) {
    const url = await listening((app) => app.useGlobalFilters(...filters));
    const teapot = await fetch(`${url}/fail/teapot`, { method: "POST" });
    const other = await fetch(`${url}/fail/other`, { method: "POST" });
    answers.push([teapot.status, await teapot.json(), other.status, await other.json()]);
  }
  expect(answers[0]?.[0]).toBe(418);
  expect(answers[1]).toEqual(answers[0]);
});

test("a failure of a second install of the package is caught as well", async () => {
  const url = await listening((app) => app.useGlobalFilters(nestProblems(Catch)));
  const response = await fetch(`${url}/fail/foreign`, { method: "POST" });
  expect([response.status, ((await response.json()) as { effect: string }).effect]).toEqual([503, "none"]);
});

test("on Nest's Fastify platform the answer goes through Fastify's reply", async () => {
  const app = fastify();
  const filter = nestProblems(Catch, options);
  app.post<{ Params: { name: string } }>("/fail/:name", async (request, reply) => {
    filter.catch(thrown[request.params.name]?.(), {
      getType: () => "http",
      switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }),
    });
    return await reply;
  });
  onTestFinished(() => app.close());
  await expectProblems(await app.listen({ host: "127.0.0.1", port: 0 }));
});

test("an answer that had begun is broken off", async () => {
  const destroyed: string[] = [];
  const filter = nestProblems(Catch);
  const host = (response: object) => ({
    getType: () => "http",
    switchToHttp: () => ({ getRequest: () => ({}), getResponse: () => response }),
  });
  filter.catch(thrown["late"]?.(), host({ headersSent: true, destroy: () => destroyed.push("express") }));
  filter.catch(thrown["late"]?.(), host({ sent: true, raw: { destroy: () => destroyed.push("fastify") } }));
  expect(destroyed).toEqual(["express", "fastify"]);
});

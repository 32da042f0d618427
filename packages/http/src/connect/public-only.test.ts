import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { codeOf } from "../classify/connection-error.ts";
import { type Connect, connectPublic } from "./public-only.ts";

const options = { hostname: "provider.example", protocol: "https:", port: "443" };

async function connectedTo(
  remoteAddress: string | undefined,
): Promise<{ code: unknown; destroyed: boolean }> {
  const socket = {
    remoteAddress,
    destroyed: false,
    destroy() {
      this.destroyed = true;
    },
  };
  const connect: Connect = (_options, callback) => {
    callback(null, socket as unknown as Socket);
    return { destroy: () => {} };
  };
  const code = await new Promise((resolve) => {
    connectPublic(connect)(options, (...[error]) => resolve(error === null ? "connected" : codeOf(error)));
  });
  return { code, destroyed: socket.destroyed };
}

test.each([
  ["127.0.0.1", "ADDRESS_REFUSED", true],
  ["::ffff:169.254.169.254", "ADDRESS_REFUSED", true],
  [undefined, "ADDRESS_REFUSED", true],
  ["93.184.215.14", "connected", false],
])("whatever DNS said, a socket connected to %s ends as %s", async (address, code, destroyed) => {
  expect(await connectedTo(address)).toEqual({ code, destroyed });
});

test("an address written into the URL is refused before a socket is made", async () => {
  const made: unknown[] = [];
  const connect = connectPublic((given) => {
    made.push(given);
    return { destroy: () => {} };
  });
  for (const hostname of ["169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"]) {
    const error = await new Promise((resolve) =>
      connect({ ...options, hostname }, (...[error]) => resolve(error)),
    );
    expect(error).toMatchObject({ code: "ADDRESS_REFUSED", transient: false });
  }
  expect(made).toEqual([]);
});

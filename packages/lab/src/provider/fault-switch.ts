import type { Socket } from "node:net";
import { type FaultKind, type FaultReport, type FaultSetting, faultKinds } from "./faults.ts";

/** Which fault is on, whom it touched, and whom it keeps waiting. */
export class FaultSwitch {
  readonly #used = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  readonly #waiting = new Set<Socket>();
  #setting: FaultSetting = { kind: "healthy" };
  #since: string = new Date().toISOString();

  get setting(): FaultSetting {
    return this.#setting;
  }

  get report(): FaultReport {
    return { ...this.#setting, since: this.#since, used: { ...this.#used } };
  }

  /** Counts a request that a fault touched; the present one unless another is named. */
  touch(kind: FaultKind = this.#setting.kind): void {
    this.#used[kind] += 1;
  }

  /** Leaves the caller without an answer until the fault changes; then its connection is closed. */
  keepWaiting(socket: Socket): void {
    this.#waiting.add(socket);
    socket.once("close", () => this.#waiting.delete(socket));
  }

  change(setting: FaultSetting): void {
    this.#setting = setting;
    this.#since = new Date().toISOString();
    for (const socket of this.#waiting) socket.destroy();
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { GuaranteeLevel } from "@outrigger/ledger";
import type { CrashDatabase } from "../databases/database.ts";
import { type Case, type FaultName, isBeforeCommit } from "../matrix/cases.ts";
import { declaredBy } from "../matrix/definitions.ts";
import { behaviourIn } from "../matrix/modes.ts";
import { pace } from "../matrix/pace.ts";
import type { Looked } from "../worker/messages.ts";
import { accountOf } from "./account.ts";
import { judge } from "./judge.ts";
import type { CrashProcess, Processes } from "./process.ts";
import { CrashProvider } from "./provider.ts";
import { type Part, type Played, patienceMs, Scene } from "./scene.ts";

/** How long others wait for the lock of a process that was stopped in its transaction. */
const leasesWhileLocked = 3;
/** A verdict of "broken" is looked at again, in case something was still being written. */
const secondLooks = 12;
const secondLookAfterMs = 250;
/** Until what the provider has said at last is known to the process. */
const afterAnswerMs = 200;
const webhookTries = 60;
const webhookEveryMs = 150;

const open: ReadonlySet<string> = new Set(["READY", "SENDING", "UNKNOWN", "CANCELLING"]);

export interface StageOptions {
  readonly database: CrashDatabase;
  readonly processes: Processes;
  /** What a definition promises. */
  readonly promised: (of: Case) => GuaranteeLevel;
}

/** Where cases are played, a company of them at a time: all of one fault, so that one death is the death of all. */
export class Stage {
  readonly #options: StageOptions;
  readonly #provider = new CrashProvider((order, provider) => this.#deliver(order, provider));
  readonly #scenes = new Map<string, Scene>();
  #made = 0;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  async open(): Promise<this> {
    await this.#provider.start();
    return this;
  }

  async close(): Promise<void> {
    await this.#provider.stop();
  }

  /** @param cases - All of the same fault. */
  async play(cases: readonly Case[]): Promise<readonly Played[]> {
    const scenes = await Promise.all(cases.map((each) => this.#scene(each)));
    const processes: CrashProcess[] = [];
    const take = async (): Promise<CrashProcess> => {
      const process = await this.#options.processes.take();
      process.heard = (message) => {
        if ("id" in message) this.#scenes.get(message.id)?.hear(process, message);
      };
      processes.push(process);
      return process;
    };
    try {
      const fault = cases[0]?.fault ?? "none";
      const idle = (scene: Scene): Promise<void> => this.#idle(scene);
      const { url: provider } = this.#provider;
      await faults[fault]({ scenes, take, provider, idle, database: this.#options.database });
      // What comes to its place after all stands there no more.
      for (const { part, id } of scenes) part?.process.send({ do: "goOn", id });
      return await Promise.all(scenes.map((scene) => this.#end(scene)));
    } finally {
      await Promise.all(processes.map((process) => process.kill()));
      for (const scene of scenes) {
        this.#scenes.delete(scene.id);
        await scene.way?.close();
        this.#options.database.forget?.(scene.id);
        for (const order of scene.orders) this.#provider.forget(order);
      }
    }
  }

  async #scene(of: Case): Promise<Scene> {
    const { database, promised } = this.#options;
    this.#made += 1;
    const id = `c${this.#made}`;
    const declared = declaredBy(of.definition);
    const lossy = of.fault === "commit-answered-to-nobody" || of.fault === "commit-never-arrives";
    const way = lossy ? await database.lossyWay?.() : undefined;
    const scene = new Scene(of, id, declared.operations, promised(of), database.connection(id), way);
    this.#scenes.set(id, scene);
    for (const order of scene.orders) {
      this.#provider.treat(order, {
        behaviour: behaviourIn(of.mode),
        blocksLate: declared.cancels === "blocksLate" && of.weakness !== "cancel-believed-to-block",
        of: "a",
      });
    }
    return scene;
  }

  /** As providers do: again and again, until it is taken. */
  async #deliver(order: string, provider: string): Promise<void> {
    const id = order.slice(0, order.lastIndexOf("-"));
    const told = async (): Promise<boolean> => {
      const scene = this.#scenes.get(id);
      const part = scene?.part;
      if (scene === undefined) return true;
      if (part === undefined || !part.process.alive) return false;
      // A process that is stopped answers when it wakes.
      return await Promise.race([
        part.process.tell(id, order, `${provider} evt_${order}`),
        sleep(1_000, false, { ref: false }),
      ]);
    };
    if (await told()) return;
    for (let tries = 1; tries < webhookTries; tries += 1) {
      await sleep(webhookEveryMs);
      if (await told()) return;
    }
  }

  /** Nothing is under way at the providers any more. */
  async #idle({ orders }: Scene): Promise<void> {
    for (const untilMs = performance.now() + patienceMs; performance.now() < untilMs; await sleep(20)) {
      if (!orders.some((order) => this.#provider.isBusy(order))) return;
    }
  }

  async #end(scene: Scene): Promise<Played> {
    const { of, parts, startedAtMs } = scene;
    let wrong: readonly string[] = [];
    let looked: readonly Looked[] = [];
    let statuses: ReadonlyMap<string, string> = new Map();
    for (let looks = 0; looks <= secondLooks; looks += 1) {
      if (looks > 0) await sleep(secondLookAfterMs);
      await this.#idle(scene);
      looked = (await scene.part?.process.look(scene.id)) ?? [];
      statuses = await this.#options.database.statuses(scene.orders);
      wrong = this.#judge(scene, looked, statuses);
      if (wrong.length === 0) break;
    }
    const points = parts.map((part) => part.points);
    const met = of.point === undefined || parts[0]?.struck === true;
    const played: Played = {
      of,
      id: scene.name,
      wrong,
      points,
      met: met && !scene.late && (of.recovery === undefined || parts[1]?.struck === true),
      ms: performance.now() - startedAtMs,
    };
    if (wrong.length === 0 && of.weakness === undefined) return played;
    return { ...played, account: accountOf(scene, wrong, looked, statuses, this.#provider) };
  }

  #judge(scene: Scene, looked: readonly Looked[], statuses: ReadonlyMap<string, string>): readonly string[] {
    if (scene.failed !== undefined) return [`the case could not be played: ${scene.failed}`];
    return scene.orders.flatMap((order) => {
      const standing = looked.find((each) => each.order === order)?.standing;
      const wrong = judge({
        promised: scene.promised,
        journal: this.#provider.journal(order),
        order: statuses.get(order),
        withPerson: standing === "MANUAL",
        providerRefuses: behaviourIn(scene.of.mode).cancelRefused === true,
      });
      const endless = standing === undefined || open.has(standing) ? ["it came to no end"] : [];
      const stuck = scene.stuck ? ["what has to happen did not happen in time"] : [];
      return [...wrong, ...endless, ...stuck].map((each) => `${order}: ${each}`);
    });
  }
}

interface Company {
  readonly scenes: readonly Scene[];
  readonly take: () => Promise<CrashProcess>;
  readonly provider: string;
  /** Resolves when nothing is under way at the providers any more. */
  readonly idle: (scene: Scene) => Promise<void>;
  readonly database: CrashDatabase;
}

const standsOrEnded = (part: Part) => (): boolean =>
  part.standing !== undefined || (part.answers !== undefined && part.ended);
const ended = (part: Part) => (): boolean => part.ended;
const answeredAndEnded = (part: Part) => (): boolean => part.answers !== undefined && part.ended;

/** How each fault is played. */
const faults: Readonly<Record<FaultName, (company: Company) => Promise<void>>> = {
  async none(company) {
    await began(company, answeredAndEnded);
  },

  async kill(company) {
    const { scenes, provider, take } = company;
    const first = await began(company, standsOrEnded);
    struck(scenes);
    await first.kill();
    const second = await take();
    const stands = await each(scenes, async (scene) => {
      const part = scene.enter(second, "recover", provider, scene.of.recovery);
      await scene.comes(() => part.ended || part.standing !== undefined);
      return part.standing !== undefined;
    });
    if (!stands.includes(true)) return;
    struck(scenes);
    await second.kill();
    const third = await take();
    await each(scenes, async (scene) => {
      const part = scene.enter(third, "recover", provider, undefined);
      await scene.comes(ended(part));
    });
  },

  async stop(company) {
    const { scenes, provider, take } = company;
    const first = await began(company, standsOrEnded);
    struck(scenes);
    await first.stop();
    const second = await take();
    await each(scenes, async (scene) => {
      const part = scene.enter(second, "recover", provider, undefined);
      const locked = scene.of.point !== undefined && isBeforeCommit(scene.of.point);
      if (locked) await scene.until(ended(part), leasesWhileLocked * pace.leaseMs);
      else await scene.comes(ended(part));
    });
    first.wake();
    await each(scenes, async (scene) => {
      const [part, other] = scene.parts;
      if (part === undefined || other === undefined) return;
      first.send({ do: "goOn", id: scene.id });
      await scene.comes(() => part.answers !== undefined && other.ended);
    });
  },

  "commit-answered-to-nobody": (company) => losingCommits(company, "swallowAnswer"),
  "commit-never-arrives": (company) => losingCommits(company, "neverArrives"),

  async database(company) {
    const { scenes, database } = company;
    const first = await began(company, standsOrEnded);
    struck(scenes);
    const start = await database.crash?.();
    const goOn = (which: (index: number) => boolean): void => {
      for (const [index, { id }] of scenes.entries()) if (which(index)) first.send({ do: "goOn", id });
    };
    // Half of them go on while it is away.
    goOn((index) => index % 2 === 0);
    await start?.();
    goOn((index) => index % 2 === 1);
    await each(scenes, async (scene) => {
      const part = scene.parts[0];
      if (part !== undefined) await scene.comes(answeredAndEnded(part));
    });
  },
};

async function losingCommits(company: Company, fate: "swallowAnswer" | "neverArrives"): Promise<void> {
  const { scenes, take } = company;
  const first = await take();
  await each(scenes, async (scene) => {
    const part = await begins(company, scene, first, standsOrEnded);
    if (part.standing === undefined) return;
    scene.struck();
    scene.way?.next(fate);
    first.send({ do: "goOn", id: scene.id });
    await scene.comes(answeredAndEnded(part));
  });
}

/** All begin in one process, and come to what is waited for. */
async function began(company: Company, holds: (part: Part) => () => boolean): Promise<CrashProcess> {
  const first = await company.take();
  await each(company.scenes, (scene) => begins(company, scene, first, holds));
  return first;
}

/** What has ended may go on when something arrives late, and come to its place only then. */
async function begins(
  { provider, idle }: Company,
  scene: Scene,
  process: CrashProcess,
  holds: (part: Part) => () => boolean,
): Promise<Part> {
  const part = scene.enter(process, "begin", provider, scene.of.point);
  await scene.comes(holds(part));
  if (scene.of.point === undefined || part.standing !== undefined) return part;
  await idle(scene);
  await sleep(afterAnswerMs);
  await scene.comes(holds(part));
  return part;
}

function struck(scenes: readonly Scene[]): void {
  for (const scene of scenes) scene.struck();
}

const each = <T>(scenes: readonly Scene[], work: (scene: Scene) => Promise<T>): Promise<T[]> =>
  Promise.all(scenes.map(work));

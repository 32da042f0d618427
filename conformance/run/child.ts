// Plays one trap against one library and prints the verdict: node child.ts T1 cockatiel
// A process of its own, so that a hang is seen as a hang and replaced timers harm nobody else.
import { FakeGlobals } from "../script/fake-globals.ts";
import { ClockTime } from "../script/time.ts";
import { traps } from "../traps/index.ts";
import { loadLibrary } from "./libraries.ts";
import { verdictOn } from "./verdict.ts";

const [, , trapId = "", libraryName = ""] = process.argv;
const trap = traps.find(({ id }) => id === trapId);
if (trap === undefined) throw new RangeError(`no trap is called ${trapId}`);

// Before the library is imported, as some take hold of the clock when they load.
const globals = libraryName === "Outrigger" ? undefined : new FakeGlobals();
const library = await loadLibrary(libraryName);
const verdict = await verdictOn(trap, library, () => globals?.cleared() ?? new ClockTime());
process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));

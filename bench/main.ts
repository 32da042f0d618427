// `npm run bench -- policies [--json] [--rounds 3]`: measures one claim, and exits with 1 when a bound is missed.
import { benchGuard } from "./guard.ts";
import { benchHttp } from "./http.ts";
import { benchLedger } from "./ledger.ts";
import { benchPolicies } from "./policies.ts";

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  guard: benchGuard,
  http: benchHttp,
  ledger: benchLedger,
  policies: benchPolicies,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join("|")} [--json] [--rounds <n>]`);
  process.exitCode = 2;
} else {
  process.exitCode = (await bench(args)) ? 0 : 1;
}

import { exitWithParent, sayReady } from "../child/exit-with-parent.ts";
import { controlListener } from "./control.ts";
import { Sandbox, type SandboxOptions } from "./sandbox.ts";

// Entry file of a provider's process; started by startProvider, which has checked the options.
const options = JSON.parse(process.argv[2] ?? "") as SandboxOptions & { readonly controlPort: number };
const sandbox = new Sandbox(options);
const control = controlListener(sandbox, options.controlPort);

exitWithParent({
  async onStop() {
    await control.close();
    await sandbox.close();
  },
});
await sandbox.open();
await control.open();
sayReady({ url: sandbox.url, controlUrl: control.url });

import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const app = new URL("./src/app/", import.meta.url);
const out = new URL("./dist/app/", import.meta.url);

/**
 * Bundles the page into `dist/app/`. File names are fixed, so that a running server needs no new listing.
 *
 * @returns Sizes of the built files in bytes, by name.
 */
export async function buildConsole(): Promise<ReadonlyMap<string, number>> {
  await mkdir(out, { recursive: true });
  const [bundled] = await Promise.all([
    build({
      entryPoints: { app: fileURLToPath(new URL("main.tsx", app)) },
      outdir: fileURLToPath(out),
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2023",
      jsx: "automatic",
      jsxImportSource: "preact",
      conditions: ["@outrigger/source"],
      metafile: true,
      logLevel: "warning",
    }),
    ...["index.html", "icon.svg"].map((name) => copyFile(new URL(name, app), new URL(name, out))),
  ]);
  return new Map(
    Object.entries(bundled.metafile.outputs).map(([path, { bytes }]) => [
      path.split("/").at(-1) ?? path,
      bytes,
    ]),
  );
}

if (import.meta.main) {
  const startedAtMs = performance.now();
  const sizes = await buildConsole();
  const listing = [...sizes].map(([name, bytes]) => `${name} ${(bytes / 1024).toFixed(1)} kB`).join(", ");
  console.error(`console built in ${(performance.now() - startedAtMs).toFixed(0)} ms: ${listing}`);
}

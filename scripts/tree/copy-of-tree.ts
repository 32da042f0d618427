import { spawnSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * The files that git knows or would add, with dependencies linked, and the workspaces linked to the copy: a place in which
 * something can be broken on purpose.
 *
 * @param why - Stands in the folder's name.
 * @returns the folder; whoever asked for it removes it.
 */
export function copyOfTree(root: string, why: string): string {
  const tree = mkdtempSync(join(tmpdir(), `outrigger-${why}-`));
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of listed.stdout.split("\0").filter(Boolean)) {
    // Deleted, and not committed yet.
    if (!existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(join(root, file), join(tree, file));
  }
  linkDependencies(root, tree, "node_modules");
  for (const folder of readdirSync(join(root, "packages"))) {
    linkDependencies(root, tree, `packages/${folder}/node_modules`);
  }
  return tree;
}

function linkDependencies(root: string, tree: string, folder: string): void {
  const entries = lstatSync(join(root, folder), { throwIfNoEntry: false }) && readdirSync(join(root, folder));
  if (!entries) return;
  mkdirSync(join(tree, folder), { recursive: true });
  for (const entry of entries) {
    // Relative links of the workspaces then lead into the copy.
    if (entry === "@outrigger") {
      cpSync(join(root, folder, entry), join(tree, folder, entry), {
        recursive: true,
        verbatimSymlinks: true,
      });
    } else if (entry !== ".cache" && entry !== ".vite") {
      symlinkSync(join(root, folder, entry), join(tree, folder, entry));
    }
  }
}

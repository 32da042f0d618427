/**
 * Folder of the built page: `index.html`, `app.js`, `app.css` and `icon.svg`, to be served as they are.
 *
 * In a checkout it is filled by `node packages/console/build.ts`; the published package brings it along.
 * Serve the files with `cache-control: no-cache` and an ETag: their names do not change between versions.
 */
export const consoleFiles: URL = new URL("../dist/app/", import.meta.url);

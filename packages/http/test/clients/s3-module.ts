import { createRequire, registerHooks } from "node:module";
import type * as S3 from "@aws-sdk/client-s3";

/** The S3 client, as Node loads it. */
export const s3: typeof S3 = load();

/** The test runner asks for modules as bundlers do, and those of the SDK cannot be loaded without one. */
function load(): typeof S3 {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: context.conditions.filter((each) => each !== "module") }),
  });
  try {
    return createRequire(import.meta.url)("@aws-sdk/client-s3") as typeof S3;
  } finally {
    hooks.deregister();
  }
}

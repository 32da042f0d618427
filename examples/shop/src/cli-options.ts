import { parseArgs } from "node:util";
import { durationMs, integerIn, oneOf } from "@outrigger/core";
import { type Language, languages } from "./messages.ts";

export interface CliOptions {
  readonly help: boolean;
  /** Absent: serve until Ctrl-C. */
  readonly storm?: { readonly durationMs: number; readonly seed: number; readonly out: string | undefined };
  /** Orders per second and lane. */
  readonly perSecond: number;
  /** The shop's port; the console takes the next one. 0 lets the system pick both. */
  readonly port: number;
  /** Whether the port was asked for: then another one will not do. */
  readonly portGiven: boolean;
  /** The result on stdout as JSON; everything for people goes to stderr. */
  readonly json: boolean;
  readonly language: Language;
}

/**
 * Reads the command line.
 *
 * @throws TypeError or RangeError that names the option and the fix.
 */
export function readCliOptions(args: readonly string[], env: NodeJS.ProcessEnv): CliOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      storm: { type: "string" },
      seed: { type: "string" },
      out: { type: "string" },
      rate: { type: "string" },
      port: { type: "string" },
      json: { type: "boolean", default: false },
      lang: { type: "string" },
    },
  });
  if (values.storm === undefined) {
    for (const name of ["seed", "out"] as const) {
      if (values[name] !== undefined) throw new TypeError(`--${name} needs --storm, for example --storm 30s`);
    }
    if (values.json) throw new TypeError("--json needs --storm, for example --storm 30s");
  }
  const storm =
    values.storm === undefined
      ? undefined
      : durationMs("--storm", values.storm, { minMs: 3_000, maxMs: 3_600_000 });
  return {
    help: values.help,
    ...(storm === undefined
      ? {}
      : {
          storm: { durationMs: storm, seed: wholeNumber("--seed", values.seed ?? "1", 0), out: values.out },
        }),
    perSecond: wholeNumber(
      "--rate",
      values.rate ?? (storm === undefined ? "5" : "40"),
      storm === undefined ? 0 : 1,
      200,
    ),
    port: wholeNumber("--port", values.port ?? "4000", 0, 65_534),
    portGiven: values.port !== undefined,
    json: values.json,
    language: values.lang === undefined ? languageOf(env) : oneOf("--lang", values.lang, languages),
  };
}

function wholeNumber(path: string, text: string, min: number, max?: number): number {
  return integerIn(path, /^\d+$/.test(text) ? Number(text) : text, min, max);
}

function languageOf(env: NodeJS.ProcessEnv): Language {
  const locale = env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"] || "";
  return locale.toLowerCase().startsWith("ko") ? "ko" : "en";
}

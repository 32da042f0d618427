import { show } from "@outrigger/core";
import { isExcepted } from "./no-proxy.ts";

/** A proxy, and what it wants to hear from us. */
export interface HttpProxy {
  /** Scheme, host and port. */
  readonly url: URL;
  /** Host and port, for messages. */
  readonly label: string;
  /** `proxy-authorization`, if the proxy has a user. Names and values in turn. */
  readonly headers: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy on the way to `target`; undefined when there is none.
 *
 * @throws RangeError or TypeError that names the option or the variable, and never its value, which may hold a
 * password.
 */
export function proxyFor(
  path: string,
  option: unknown,
  target: URL,
  environment: Environment,
): HttpProxy | undefined {
  if (option === false) return undefined;
  if (option === "environment") return fromEnvironment(target, environment);
  if (typeof option === "string") return parseProxy(path, option);
  throw new TypeError(
    `${path} must be "environment", a URL such as "http://proxy:3128", or false; got ${show(option)}`,
  );
}

function fromEnvironment(target: URL, environment: Environment): HttpProxy | undefined {
  const name = target.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = either(environment, name);
  if (value === undefined) return undefined;
  const port = Number(target.port || (target.protocol === "https:" ? 443 : 80));
  if (isExcepted(either(environment, "NO_PROXY") ?? "", target.hostname, port)) return undefined;
  return parseProxy(name, value);
}

/** The variable in small letters goes first, as everywhere; an empty one is as good as none. */
function either(environment: Environment, name: string): string | undefined {
  // In a CGI program the header `Proxy` of a request arrives as HTTP_PROXY: https://httpoxy.org
  const untrusted = name === "HTTP_PROXY" && environment["REQUEST_METHOD"] !== undefined;
  return environment[name.toLowerCase()] || (untrusted ? undefined : environment[name]) || undefined;
}

function parseProxy(path: string, value: string): HttpProxy {
  // `proxy:3128` is what many write.
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw new RangeError(
      `${path} must be a URL that starts with http:// or https://, such as "http://proxy:3128"`,
    );
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new RangeError(`${path} must hold no path, query or fragment: write "http://proxy:3128"`);
  }
  const credentials = credentialsOf(path, url);
  return {
    url: new URL(url.origin),
    label: `${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`,
    headers:
      credentials === undefined
        ? []
        : ["proxy-authorization", `Basic ${Buffer.from(credentials).toString("base64")}`],
  };
}

function credentialsOf(path: string, { username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw new RangeError(`${path} holds a user or password with a "%" that encodes nothing: write "%25"`);
  }
}

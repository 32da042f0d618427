import { messages } from "../i18n/language.ts";

/** Problem documents (RFC 9457) say in `detail` or `title` what is wrong. */
export async function explanationOf(response: Response): Promise<string> {
  const said = messages.value.errors.status(String(response.status));
  const problem: unknown = await response.json().catch(() => undefined);
  if (typeof problem !== "object" || problem === null) return said;
  const { detail, title } = problem as { detail?: unknown; title?: unknown };
  const reason = [detail, title].find((text) => typeof text === "string" && text !== "");
  return reason === undefined ? said : `${said} ${String(reason)}`;
}

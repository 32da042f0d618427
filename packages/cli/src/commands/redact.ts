const hidden = "[hidden]";
/** Names of fields whose values are secrets or belong to a card, whatever they look like. */
const secretName =
  /pass(word|phrase|wd)|secret|token|authorization|cookie|api_?key|private_?key|card_?(no|num|number)?$|^pan$|cvv|cvc|csc|security_?code|expir|iban|account_?(no|num|number)|ssn|jumin|resident/i;
/** Thirteen to nineteen digits, with blanks or dashes between them. Source: ISO/IEC 7812, the length of a PAN. */
const cardLike = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])/g;

/** The same value without what nobody should read over an operator's shoulder. Made for showing, not for logging. */
export function redacted(value: unknown, name = ""): unknown {
  if (secretName.test(name) && value !== null && typeof value !== "boolean") return hidden;
  if (typeof value === "string")
    return value.replace(cardLike, (digits) => (isCard(digits) ? hidden : digits));
  if (typeof value === "number") return Number.isInteger(value) && isCard(String(value)) ? hidden : value;
  if (Array.isArray(value)) return value.map((each) => redacted(each));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, redacted(each, key)]));
}

/** The check digit of Luhn, which every card number has and one in ten of others. Source: ISO/IEC 7812-1, annex B. */
function isCard(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, "");
  if (!/^\d{13,19}$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const hidden = "[hidden]";
/** Words in the names of fields whose values are secrets, or belong to a card or a person, whatever they look like. */
const secretWords: ReadonlySet<string> = new Set(
  `password passwd passphrase passcode pin secret token authorization auth cookie credential signature apikey privatekey
  card pan cvv cvc cvv2 csc expiry expiration iban account ssn passport jumin rrn birth birthdate birthday`.split(
    /\s+/,
  ),
);
/** The same, where only both words together say it. */
const secretPairs =
  /\b(api|private|secret|signing) key\b|\bsecurity code\b|\bresident (number|no|registration)\b/;

function isSecret(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/[^A-Za-z0-9]+/g, " ")
    .toLowerCase();
  return (
    words.split(" ").some((word) => secretWords.has(word) || secretWords.has(word.replace(/s$/, ""))) ||
    secretPairs.test(words)
  );
}

/** Thirteen to nineteen digits, with blanks or dashes between them. Source: ISO/IEC 7812, the length of a PAN. */
const cardLike = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])/g;

/** The same value without what nobody should read over an operator's shoulder. Made for showing, not for logging. */
export function redacted(value: unknown, name = ""): unknown {
  if (isSecret(name) && value !== null && typeof value !== "boolean") return hidden;
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

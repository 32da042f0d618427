/** One small way in which a statement can be wrong. */
export interface SqlMutant {
  /** Where it begins in the file. */
  readonly at: number;
  readonly line: number;
  readonly was: string;
  readonly becomes: string;
  readonly rule: string;
  /** Where the literal that it is in ends. */
  readonly literalEnd: number;
}

/** The text between two backticks, with what is not SQL in it blanked out: the places stay what they are. */
interface Literal {
  readonly start: number;
  readonly masked: string;
}

/**
 * Breaks the SQL in the template literals of a source file in one place at a time: each part of a condition is dropped and
 * turned around, locks are left out, what is added to a fence or a lease is not, and a conflict is no longer ignored.
 *
 * @param writesOnly - Leaves alone what only reads.
 */
export function sqlMutants(source: string, writesOnly: boolean): readonly SqlMutant[] {
  const wanted = literalsOf(source).filter(({ masked }) => !writesOnly || writes.test(masked));
  const found = wanted.flatMap(({ start, masked }) =>
    [...conditions(masked), ...places(masked)].map(({ at, length, becomes, rule }) => {
      const was = source.slice(start + at, start + at + length);
      return {
        at: start + at,
        line: source.slice(0, start + at).split("\n").length,
        was,
        becomes: becomes(was),
        rule,
        literalEnd: start + masked.length,
      };
    }),
  );
  const seen = new Set<string>();
  return found.filter((mutant) => {
    const name = `${mutant.at} ${mutant.was.length} ${mutant.becomes}`;
    if (seen.has(name) || mutant.was === mutant.becomes) return false;
    seen.add(name);
    return true;
  });
}

export function withMutant(
  source: string,
  { at, was, becomes }: Pick<SqlMutant, "at" | "was" | "becomes">,
): string {
  return source.slice(0, at) + becomes + source.slice(at + was.length);
}

const writes = /\b(update|insert into|delete from)\b/;

interface Found {
  readonly at: number;
  readonly length: number;
  readonly becomes: (was: string) => string;
  readonly rule: string;
}

const opening = /\b(where|and|on|when|if)\s+(?!conflict\b|duplicate\b|function\b|exists\b)/g;
/** What follows a condition, where no parenthesis is open. */
const after =
  /^\s*(\band\b|\bor\b|\bthen\b|\border by\b|\bgroup by\b|\blimit\b|\bfor update\b|\breturning\b|\bunion\b|\bon (?:conflict|duplicate)\b|\bset\b|\bwhere\b|;|$)/;

/** Each part of each condition. */
function conditions(masked: string): readonly Found[] {
  return [...masked.matchAll(opening)].flatMap(({ index, 0: word, 1: keyword }) => {
    const begins = index + word.length;
    const length = lengthOfPart(masked.slice(begins));
    if (length === 0) return [];
    const found = { at: begins, length };
    return [
      {
        ...found,
        becomes: () => "true",
        rule: keyword === "when" ? "a case always holds" : "a condition is dropped",
      },
      { ...found, becomes: (was: string) => `not (${was})`, rule: "a condition is turned around" },
    ];
  });
}

function lengthOfPart(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (depth === 0 && after.test(text.slice(at))) return text.slice(0, at).trimEnd().length;
    const char = text[at];
    if (char === "(" || char === "[") depth += 1;
    if (char === ")" || char === "]") depth -= 1;
    if (depth < 0) return text.slice(0, at).trimEnd().length;
  }
  return text.trimEnd().length;
}

/** What stands in one place and can be left out, or be something else. What was put into the text is a row of x. */
const replacements: readonly (readonly [RegExp, (was: string) => string, string])[] = [
  [/ for update skip locked/g, () => "", "nothing is locked"],
  [/ skip locked/g, () => "", "a locked row is waited for"],
  [/ for update(?! skip locked)/g, () => "", "nothing is locked"],
  [/on conflict \([^)]*\) do nothing/g, () => "", "a conflict is an error"],
  [/\b(fence|tries) \+ 1\b/g, uncounted, "what counts stays"],
  [/\b(fence|attempt) \+ case when .*? end\b/gs, uncounted, "what counts stays"],
  [/\b(fence|attempt) \+ \([^)]*\)/g, uncounted, "what counts stays"],
  [/\bo\.attempt \+ m\.\w+/g, uncounted, "what counts stays"],
  [/ - (?=case when (?:m\.begun|x))/g, () => " + ", "a try is added"],
  [/(?:statement_timestamp\(\)|x{4,}) - (?=x|\$\d|interval cast)/g, turned, "an age is in the future"],
  [
    /(?:statement_timestamp\(\)|x{4,}) \+ (?=x|\$\d|cast|interval cast)/g,
    turned,
    "a lease is over when it begins",
  ],
  [/\border by [a-z_.]+(?: collate "C")?(?= |\n|$|\))/g, () => "", "in any order"],
  [/\blimit (?:\$\d|at_most)/g, () => "", "without a limit"],
  [/\bcoalesce\((?:x+|\w\.\w+), (?:\w\.)?(?:result|failure)\)/g, first, "what was known is forgotten"],
  [/\bcoalesce\((?:\w\.)?\w+_(?:since|at), (?:x+|statement_timestamp\(\))\)/g, second, "a time begins anew"],
  [/\btries = 0\b/g, () => "tries = tries", "tries are kept"],
];

function uncounted(was: string): string {
  return was.slice(0, was.indexOf(" + "));
}
function turned(was: string): string {
  return was.replace(/ ([+-]) $/, (_, sign) => (sign === "+" ? " - " : " + "));
}
function first(was: string): string {
  return was.slice("coalesce(".length, was.lastIndexOf(", "));
}
function second(was: string): string {
  return was.slice(was.indexOf(", ") + 2, -1);
}

function places(masked: string): readonly Found[] {
  return replacements.flatMap(([pattern, becomes, rule]) =>
    [...masked.matchAll(pattern)].map(({ index, 0: was }) => ({
      at: index,
      length: was.length,
      becomes,
      rule,
    })),
  );
}

/** Every template literal that holds SQL, the inner ones too. */
function literalsOf(source: string): readonly Literal[] {
  const literals: Literal[] = [];
  let at = 0;
  const code = (until: string): void => {
    let depth = 0;
    while (at < source.length) {
      const char = source[at] ?? "";
      const two = source.slice(at, at + 2);
      if (two === "/*") at = source.indexOf("*/", at) + 2;
      else if (two === "//") at = endOfLine(source, at);
      else if (char === '"' || char === "'") at = endOfString(source, at);
      else if (char === "`") literal();
      else if (char === until && depth === 0) return;
      else {
        if (char === "{") depth += 1;
        if (char === "}") depth -= 1;
        at += 1;
      }
    }
  };
  const literal = (): void => {
    at += 1;
    const start = at;
    let masked = "";
    while (at < source.length && source[at] !== "`") {
      if (source.startsWith("${", at)) {
        const from = at;
        at += 2;
        code("}");
        at += 1;
        masked += "x".repeat(at - from);
      } else if (source.startsWith("--", at)) {
        const end = endOfLine(source, at);
        masked += " ".repeat(end - at);
        at = end;
      } else {
        const escaped = source[at] === "\\";
        // A quoted name is part of what it stands in; what else is escaped is the end of a line.
        masked += !escaped ? source[at] : source[at + 1] === "`" ? "xx" : "  ";
        at += escaped ? 2 : 1;
      }
    }
    at += 1;
    if (/\b(select|update|insert|delete|where|case when|with)\b|statement_timestamp|\bcast\(/.test(masked)) {
      literals.push({ start, masked });
    }
  };
  code("");
  return literals;
}

const endOfLine = (source: string, at: number): number => {
  const end = source.indexOf("\n", at);
  return end === -1 ? source.length : end;
};

function endOfString(source: string, at: number): number {
  const quote = source[at];
  let end = at + 1;
  while (end < source.length && source[end] !== quote) end += source[end] === "\\" ? 2 : 1;
  return end + 1;
}

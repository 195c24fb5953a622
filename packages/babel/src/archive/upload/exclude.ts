import { invalid } from "../../failure.ts";

/** Whether a path, relative to the source and separated by `/`, is left out. A directory that matches is left out as a whole. */
export type Exclusion = (path: string) => boolean;

type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "any" }
  | { readonly kind: "sequence" }
  /** `**` as a component: any number of whole components. */
  | { readonly kind: "components" }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

const WILDCARDS = "wildcards are either regular `*` or recursive `**`";
const RECURSIVE = "recursive wildcards must form a single path component";
const RANGE = "invalid range pattern";

/**
 * Patterns of `exclude`: `?` one character, `*` any sequence also across `/`, `**` as a whole component any depth, `[abc]`, `[a-z]`,
 * `[!abc]`; case-sensitive, against the whole path. (§5.3)
 *
 * @param idle patterns; one is taken out when it matches for the first time
 * @throws Failure `exclude-invalid` naming pattern and position
 */
export function compileExclusion(patterns: readonly string[], idle?: Set<string>): Exclusion {
  return compiled(patterns, "exclude", idle);
}

/** Which files may grow while they are uploaded: patterns of `append_only`, in the same language. (§9.6) @throws as `compileExclusion` */
export function compileAppendOnly(patterns: readonly string[]): (path: string) => boolean {
  return compiled(patterns, "append_only");
}

function compiled(patterns: readonly string[], key: string, idle?: Set<string>): (path: string) => boolean {
  const compiled = patterns.map((pattern) => ({ pattern, tokens: parse(pattern, key) }));
  return (path) => {
    if (compiled.length === 0) return false;
    const characters = [...path];
    let excluded = false;
    for (const { pattern, tokens } of compiled) {
      if (excluded && !idle?.has(pattern)) continue;
      if (!matches(tokens, characters)) continue;
      excluded = true;
      idle?.delete(pattern);
    }
    return excluded;
  };
}

function parse(pattern: string, key: string): readonly Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  const refuse = (position: number, reason: string): never => {
    throw invalid(
      "exclude-invalid",
      `${key} pattern ${JSON.stringify(pattern)}: Pattern syntax error near position ${position}: ${reason}`,
      "Allowed are `?`, `*`, `**` as a whole component, `[abc]` and `[!abc]`.",
    );
  };
  let at = 0;
  while (at < characters.length) {
    const char = characters[at]!;
    if (char === "*") {
      const start = at;
      while (characters[at] === "*") at++;
      if (at - start > 2) refuse(start + 2, WILDCARDS);
      if (at - start === 1) {
        tokens.push({ kind: "sequence" });
        continue;
      }
      if (start > 0 && characters[start - 1] !== "/") refuse(start - 1, RECURSIVE);
      if (at < characters.length && characters[at] !== "/") refuse(at, RECURSIVE);
      at++;
      if (tokens.at(-1)?.kind !== "components") tokens.push({ kind: "components" });
    } else if (char === "[") {
      const negated = characters[at + 1] === "!";
      const first = at + (negated ? 2 : 1);
      // The first character of a class may be `]` itself.
      const end = characters.indexOf("]", first + 1);
      if (end < 0) refuse(at, RANGE);
      tokens.push({ kind: "class", negated, ranges: rangesOf(characters.slice(first, end)) });
      at = end + 1;
    } else {
      tokens.push(char === "?" ? { kind: "any" } : { kind: "char", char });
      at++;
    }
  }
  return tokens;
}

function rangesOf(characters: readonly string[]): readonly (readonly [string, string])[] {
  const ranges: [string, string][] = [];
  for (let at = 0; at < characters.length; at++) {
    const from = characters[at]!;
    const ranged = characters[at + 1] === "-" && at + 2 < characters.length;
    ranges.push([from, ranged ? characters[at + 2]! : from]);
    if (ranged) at += 2;
  }
  return ranges;
}

/** Linear in both: only the last wildcard is ever tried again, because it could take what the ones before it gave up. */
function matches(tokens: readonly Token[], path: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let retry: { readonly token: number; at: number } | undefined;
  for (;;) {
    const current = tokens[token];
    if (current?.kind === "sequence" || current?.kind === "components") {
      if (token === tokens.length - 1) return true;
      retry = { token, at };
      token++;
      continue;
    }
    if (current === undefined ? at === path.length : at < path.length && matchesOne(current, path[at]!)) {
      if (current === undefined) return true;
      token++;
      at++;
      continue;
    }
    if (retry === undefined || !advance(retry, tokens, path)) return false;
    token = retry.token + 1;
    at = retry.at;
  }
}

/** One more character for the wildcard, or one more component. */
function advance(retry: { readonly token: number; at: number }, tokens: readonly Token[], path: readonly string[]) {
  if (tokens[retry.token]!.kind === "sequence") return ++retry.at <= path.length;
  const slash = path.indexOf("/", retry.at);
  retry.at = slash + 1;
  return slash >= 0;
}

function matchesOne(token: Token, char: string): boolean {
  if (token.kind === "char") return token.char === char;
  if (token.kind !== "class") return true;
  const code = char.codePointAt(0)!;
  const within = token.ranges.some(([from, to]) => code >= from.codePointAt(0)! && code <= to.codePointAt(0)!);
  return within !== token.negated;
}

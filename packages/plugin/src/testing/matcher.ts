/** What a test accepts in the place of a text; the same for scripts and for the host they program. */
export interface Matcher {
  readonly kind: "any" | "contains" | "starts_with" | "matches";
  readonly text: string;
}

/** Texts that are longer are no commands, and patterns of tests may backtrack. */
const MOST_MATCHED = 64 * 1024;

export function accepts({ kind, text }: Matcher, actual: string): boolean {
  switch (kind) {
    case "any":
      return true;
    case "contains":
      return actual.includes(text);
    case "starts_with":
      return actual.startsWith(text);
    case "matches":
      return new RegExp(text, "su").test(actual.slice(0, MOST_MATCHED));
  }
}

/** As the test has it. */
export function matcherText({ kind, text }: Matcher): string {
  return kind === "any" ? "any()" : `${kind}(${JSON.stringify(text)})`;
}

const NEEDS = /\\(?:[/bf]|u[dD][89abAB])/;

/**
 * Rewrites the escapes of JSON that Rhai's strings do not have (`\/`, `\b`, `\f`, surrogate pairs) into ones they have,
 * inside strings only.
 */
export function translateEscapes(text: string): string {
  if (!NEEDS.test(text)) return text;
  return text.replace(/"(?:[^"\\\n]|\\[^\n])*"/g, (literal) =>
    literal.replace(
      /\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\(u[0-9a-fA-F]{4}|.)/g,
      (whole, high, low, single) => {
        if (high !== undefined) {
          const code = 0x10000 + ((Number.parseInt(high, 16) - 0xd800) << 10) + (Number.parseInt(low, 16) - 0xdc00);
          return `\\U${code.toString(16).padStart(8, "0")}`;
        }
        if (single === "/") return "/";
        if (single === "b") return "\\x08";
        return single === "f" ? "\\x0c" : whole;
      },
    ),
  );
}

/** Unicode White_Space, which differs from JavaScript's `\s` in U+0085 and U+FEFF. */
const SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${SPACE}]+`);
const RUN = new RegExp(`[${SPACE}]+`);
const ONE = new RegExp(`^[${SPACE}]$`);

export function trimSpace(text: string): string {
  let end = text.length;
  while (end > 0 && ONE.test(text[end - 1]!)) end--;
  return text.slice(0, end).replace(LEADING, "");
}

/** The pieces between runs of white space; none for blank text. */
export function splitSpace(text: string): string[] {
  return text.split(RUN).filter((piece) => piece !== "");
}

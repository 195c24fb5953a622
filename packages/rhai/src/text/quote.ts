const PLAIN = /^[ !#-[\]-~]*$/;
const SPECIAL = /["\\]|(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}\p{Grapheme_Extend}]/gu;
const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
};

/** A string between double quotes, escaped as `to_debug` does. */
export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${text.replace(SPECIAL, (c) => NAMED[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`)}"`;
}

/** A character between single quotes, as the raw formatter shows it. */
export function quoteChar(text: string): string {
  if (text === "'") return "'\\''";
  if (text === '"') return "'\"'";
  return `'${text.replace(SPECIAL, (c) => NAMED[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`)}'`;
}

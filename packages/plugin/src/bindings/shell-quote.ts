export class UnsafeParam extends Error {}

const SAFE = /^[\p{L}\p{Nd}\p{Nl}\p{No}/:{},\-_. ]$/u;

/** The text as one word in double quotes; throws for every character that a shell could make something of (spec plugin-api.md §2.5). */
export function sanitizeShParam(param: string): string {
  let escaped = "";
  for (const char of param) {
    if (char === '"') escaped += '\\"';
    else if (char === "\n") escaped += "\\n";
    else if (char === "'") throw new UnsafeParam("Very unsafe subsitution >:( '");
    else if (SAFE.test(char)) escaped += char;
    else throw new UnsafeParam(`Shell unsafe character detected: ${char}`);
  }
  return `"${escaped}"`;
}

/** Any text without a NUL as one word in single quotes. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

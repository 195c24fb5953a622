/** Name of an anonymous function: `anon$` and 16 hex digits that depend on its text and place. */
export function closureName(text: string, start: number, end: number): string {
  let a = 0x811c9dc5 ^ start;
  let b = 0x9e3779b9 ^ end;
  const stop = Math.min(end, start + 256);
  for (let i = start; i < stop; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b + c, 0x85ebca6b) ^ (b >>> 13);
  }
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
  return `anon$${hex(a)}${hex(b)}`;
}

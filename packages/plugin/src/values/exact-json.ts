declare global {
  interface JSON {
    /** TypeScript does not know it yet. */
    rawJSON(text: string): object;
  }
}

/** Parses JSON text so that `JSON.stringify` writes its numbers as they were: `1.0`, and integers beyond 2^53. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, { source } = { source: undefined }) =>
    typeof value === "number" && source !== undefined && source !== String(value) ? JSON.rawJSON(source) : value,
  );
}

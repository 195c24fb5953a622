/**
 * True for the errors that JavaScript engines raise when their stack is full. Looks at fixed texts only: at that point
 * even compiling a regular expression fails (with an error of its own, also known here).
 */
export function isStackExhausted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { message } = error;
  if (error instanceof RangeError) return message.startsWith("Maximum call stack");
  if (error instanceof SyntaxError) return message.endsWith(": Stack overflow");
  return message === "too much recursion";
}

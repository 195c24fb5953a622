import { Source } from "../errors/position.ts";
import { checkText } from "./check.ts";
import type { CheckOptions } from "./options.ts";

/** Findings in one line each, `line:column-line:column code: message (hint)`, for tests to compare. */
export function findings(text: string, options: CheckOptions = {}): readonly string[] {
  const source = new Source(text);
  const place = (offset: number) => {
    const { line, column } = source.position(offset);
    return `${line}:${column}`;
  };
  return checkText(text, options).map(({ code, message, start, end, hint }) => {
    return `${place(start)}-${place(end)} ${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
  });
}

/** Findings of one rule. */
export function findingsOf(code: string, text: string, options: CheckOptions = {}): readonly string[] {
  return findings(text, options)
    .filter((line) => line.includes(` ${code}: `))
    .map((line) => line.replace(` ${code}:`, ""));
}

import type { Range } from "./diagnostic.ts";

const CONTEXT_LINES = 1;
const WIDEST_LINE = 160;
const MARGIN = 20;

/**
 * The lines around a range with a caret line below the first of them:
 *
 *     30 |     dynamic_value: true
 *     31 |     default_value: of
 *        |                    ^^
 */
export function codeFrame(text: string, range: Range): string {
  const lines = text.split(/\r?\n/);
  const target = Math.min(range.start.line, lines.length);
  const first = Math.max(1, target - CONTEXT_LINES);
  const gutter = Math.max(5, String(target).length + 3);
  // Only a place far to the right moves the window.
  const shift = range.start.column > WIDEST_LINE - MARGIN ? range.start.column - 1 - WIDEST_LINE / 2 : 0;
  const frame: string[] = [];
  for (let number = first; number <= target; number++) {
    const line = printable(lines[number - 1] ?? "").slice(shift, shift + WIDEST_LINE);
    frame.push(`${String(number).padStart(gutter)} | ${line}`.trimEnd());
  }
  const line = lines[target - 1] ?? "";
  const endColumn = range.end.line === range.start.line ? range.end.column : line.length + 1;
  const width = Math.max(1, Math.min(endColumn, line.length + 1) - range.start.column);
  const indent = " ".repeat(range.start.column - 1 - shift);
  frame.push(`${" ".repeat(gutter)} | ${indent}${"^".repeat(Math.min(width, WIDEST_LINE))}`);
  return frame.join("\n");
}

/** A source line is other people's data: nothing in it may move the cursor or change colours of the terminal. */
function printable(line: string): string {
  return line.replace(/\t/g, " ").replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

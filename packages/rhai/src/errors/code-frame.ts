import { Source, type Span } from "./position.ts";

/** The line before, the line of the span with `^` under it, and the hint; lines are cut to a readable width. */
export function codeFrame(source: Source, span: Span, hint: string | null, text?: string): string {
  const from = text === undefined || text === source.text ? source : new Source(text, source.name);
  const start = from.position(Math.min(span.start, from.text.length));
  const end = from.position(Math.min(Math.max(span.end, span.start), from.text.length));
  const gutter = String(start.line).length;
  const rows: string[] = [];
  const name = source.name === "" ? "script" : source.name;
  rows.push(`${" ".repeat(gutter)}--> ${name}:${start.line}:${start.column}`);
  if (start.line > 1) rows.push(row(gutter, start.line - 1, from.line(start.line - 1)));
  const line = from.line(start.line);
  rows.push(row(gutter, start.line, line));
  const width =
    end.line === start.line ? Math.max(1, end.column - start.column) : Math.max(1, [...line].length - start.column + 1);
  const indent = [...line].slice(0, start.column - 1).map((c) => (c === "\t" ? "\t" : " "));
  rows.push(`${" ".repeat(gutter)} | ${indent.join("")}${"^".repeat(width)}`);
  if (hint !== null) rows.push(`${" ".repeat(gutter)} = help: ${hint}`);
  return rows.join("\n");
}

function row(gutter: number, line: number, text: string): string {
  return `${String(line).padStart(gutter)} | ${text}`;
}

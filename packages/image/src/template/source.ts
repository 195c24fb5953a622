/** A template's text, and where in it something is. */
export type Source = { readonly path: string; readonly text: string };

/** Half-open range of UTF-16 offsets in a source. */
export type Span = { readonly source: Source; readonly from: number; readonly to: number };

/** `path:line:column`, both counted from 1. */
function locate(span: Span): string {
  const { line, column } = position(span);
  return `${span.source.path}:${line}:${column}`;
}

export function position({ source, from }: Span): { readonly line: number; readonly column: number } {
  const before = source.text.slice(0, from);
  return { line: before.split("\n").length, column: from - before.lastIndexOf("\n") };
}

const WIDTH = 160;

/** The line with a marker below it. */
function codeFrame(span: Span): string {
  const { line, column } = position(span);
  const start = span.from - (column - 1);
  const newline = span.source.text.indexOf("\n", start);
  const text = span.source.text.slice(start, newline < 0 ? undefined : newline);
  // Of a very long line (minified JSON, for example) only the surroundings are shown.
  const left = Math.max(0, column - 1 - WIDTH / 2);
  const shown = text.slice(left, left + WIDTH).replaceAll("\t", " ");
  const width = Math.max(1, Math.min(span.to - span.from, shown.length - (column - 1 - left)));
  const margin = " ".repeat(String(line).length);
  return `${line} | ${shown}\n${margin} | ${" ".repeat(column - 1 - left)}${"^".repeat(width)}`;
}

/** What is wrong with a template, or with what it was given; one or several places. */
export class TemplateFailure extends Error {
  readonly span: Span;
  /** The message without the place. */
  readonly what: string;
  /** Of a failure with several places: each by itself. */
  readonly parts: readonly TemplateFailure[];

  constructor(span: Span, what: string, parts: readonly TemplateFailure[] = []) {
    const below = parts.length === 0 ? [codeFrame(span)] : parts.map((each) => each.message);
    super([`${locate(span)}: ${what}`, ...below].join("\n"));
    this.name = "TemplateFailure";
    this.span = span;
    this.what = what;
    this.parts = parts;
  }
}

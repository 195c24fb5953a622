/** A place in a source: 1-based line and column (columns count code points), and the UTF-16 offset. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** Two UTF-16 offsets into a source text, the second exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The reference keeps lines and columns in 16 bits and stays at the largest. */
const SATURATED = 65535;

/** A script text with its name, able to turn offsets into positions. */
export class Source {
  /** Name shown in errors; empty when the text came without one. */
  readonly name: string;
  readonly text: string;
  private lineStarts: readonly number[] | null = null;

  constructor(text: string, name = "") {
    this.text = text;
    this.name = name;
  }

  position(offset: number): Position {
    const starts = (this.lineStarts ??= findLineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    let column = 1;
    for (let i = starts[low]!; i < offset; i++) if ((this.text.charCodeAt(i) & 0xfc00) !== 0xdc00) column++;
    return { line: Math.min(low + 1, SATURATED), column: Math.min(column, SATURATED), offset };
  }

  /** Offset of a line and column (both 1-based, clamped to the text). */
  offset(line: number, column: number): number {
    const starts = (this.lineStarts ??= findLineStarts(this.text));
    let at = starts[Math.min(Math.max(line, 1), starts.length) - 1]!;
    for (let i = 1; i < column && at < this.text.length; i++) at += this.text.codePointAt(at)! > 0xffff ? 2 : 1;
    return at;
  }

  /** Text of a 1-based line without its line break. */
  line(line: number): string {
    const starts = (this.lineStarts ??= findLineStarts(this.text));
    const start = starts[line - 1];
    if (start === undefined) return "";
    return this.text.slice(start, starts[line] ?? this.text.length).replace(/[\r\n]+$/, "");
  }

  get lineCount(): number {
    return (this.lineStarts ??= findLineStarts(this.text)).length;
  }
}

function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

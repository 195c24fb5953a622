/**
 * A small layout language after Wadler's "A prettier printer": a document says where lines *may* break,
 * the printer breaks the outermost groups that do not fit.
 */
export type Doc = string | readonly Doc[] | Line | Group | Indent | IfBroken | LineSuffix | Verbatim | Continued;

interface Line {
  readonly kind: "line";
  /** What the line is when its group fits: nothing, one blank, or (hard, fresh) never flat. */
  readonly flat: "" | " " | null;
  /** No second break when the line is still empty. */
  readonly fresh: boolean;
}
interface Group {
  readonly kind: "group";
  readonly content: Doc;
  /** Holds a hard line (or asked for it): never flat. */
  readonly broken: boolean;
  /** Nothing but commas comes behind its last comment. */
  readonly endsInComment: boolean;
}
interface Indent {
  readonly kind: "indent";
  readonly content: Doc;
}
/** Printed only where the enclosing group is laid out in lines: trailing commas. */
interface IfBroken {
  readonly kind: "broken";
  readonly text: string;
}
interface LineSuffix {
  readonly kind: "suffix";
  readonly text: string;
}
/** Text of several lines that must not be re-indented: strings, block comments. */
interface Verbatim {
  readonly kind: "verbatim";
  readonly text: string;
}

/**
 * A string with line continuations. What follows a continuation loses its blanks up to the column of the opening
 * quote (spec 1.6), so where the quote goes the other lines have to follow.
 */
interface Continued {
  readonly kind: "continued";
  readonly lines: readonly string[];
}

export const line: Doc = { kind: "line", flat: " ", fresh: false };
export const softLine: Doc = { kind: "line", flat: "", fresh: false };
export const hardLine: Doc = { kind: "line", flat: null, fresh: false };
/** The start of a line: breaks unless nothing is on the line yet. */
export const freshLine: Doc = { kind: "line", flat: null, fresh: true };

export function indent(content: Doc): Doc {
  return { kind: "indent", content };
}

/** Printed flat when it fits on the line and holds no hard line. */
export function group(content: Doc, broken = false): Doc {
  const seen = { broken, commented: false };
  look(content, seen);
  return { kind: "group", content, broken: seen.broken, endsInComment: seen.commented };
}

export function ifBroken(text: string): Doc {
  return { kind: "broken", text };
}

export function continued(lines: readonly string[]): Doc {
  return { kind: "continued", lines };
}

/** Held back until the current line ends: a comment behind code. */
export function lineSuffix(text: string): Doc {
  return { kind: "suffix", text };
}

export function verbatim(text: string): Doc {
  return text.includes("\n") ? { kind: "verbatim", text } : text;
}

export function join(separator: Doc, parts: readonly Doc[]): Doc {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part]));
}

/**
 * Would laying this out flat lose a line break that has to be there, or pull up code behind a comment?
 * Groups inside have answered for themselves.
 */
function look(doc: Doc, seen: { broken: boolean; commented: boolean }): void {
  if (typeof doc === "string") seen.commented &&= doc === "" || doc === ",";
  else if (isList(doc)) for (const part of doc) look(part, seen);
  else {
    switch (doc.kind) {
      case "indent":
        look(doc.content, seen);
        break;
      case "group":
        seen.broken ||= doc.broken;
        seen.commented = doc.endsInComment;
        break;
      case "line":
        seen.broken ||= doc.flat === null || seen.commented;
        seen.commented = false;
        break;
      case "suffix":
        seen.commented = true;
        break;
      case "broken":
        break;
      case "verbatim":
      case "continued":
        seen.commented = false;
    }
  }
}

function isList(doc: Doc): doc is readonly Doc[] {
  return Array.isArray(doc);
}

interface Command {
  readonly doc: Doc;
  readonly indent: number;
  readonly flat: boolean;
}

/** Lays the document out in lines of at most `width` characters where its groups allow it. */
export function print(doc: Doc, width: number, indentWidth: number): string {
  const out: string[] = [];
  let column = 0;
  let suffixes: string[] = [];
  const stack: Command[] = [{ doc, indent: 0, flat: false }];

  const endLine = (indent: number): void => {
    trimEnd(out);
    suffixes.forEach((suffix, i) => {
      const afterLineComment = suffixes[i - 1]?.includes("//") === true;
      out.push(afterLineComment ? `\n${" ".repeat(indent)}` : onFreshLine(out) ? "" : " ", suffix);
    });
    suffixes = [];
  };

  while (stack.length > 0) {
    const command = stack.pop()!;
    const { doc } = command;
    if (typeof doc === "string") {
      out.push(doc);
      column += textWidth(doc);
    } else if (isList(doc)) {
      for (let i = doc.length - 1; i >= 0; i--) stack.push({ ...command, doc: doc[i]! });
    } else {
      switch (doc.kind) {
        case "indent":
          stack.push({ ...command, doc: doc.content, indent: command.indent + indentWidth });
          break;
        case "group": {
          const flat =
            !doc.broken && (command.flat || fits({ ...command, doc: doc.content, flat: true }, width - column, stack));
          stack.push({ ...command, doc: doc.content, flat });
          break;
        }
        case "suffix":
          suffixes.push(doc.text);
          break;
        case "verbatim":
          out.push(doc.text);
          column = textWidth(doc.text.slice(doc.text.lastIndexOf("\n") + 1));
          break;
        case "continued": {
          const margin = `\\\n${" ".repeat(column + 1)}`;
          out.push(doc.lines.join(margin));
          column += 1 + textWidth(doc.lines.at(-1)!);
          break;
        }
        case "broken":
          if (!command.flat) {
            out.push(doc.text);
            column += doc.text.length;
          }
          break;
        case "line":
          if (command.flat && doc.flat !== null) {
            out.push(doc.flat);
            column += doc.flat.length;
          } else {
            trimEnd(out);
            if (!doc.fresh || suffixes.length > 0 || !onFreshLine(out)) {
              endLine(command.indent);
              out.push("\n");
            }
            out.push(" ".repeat(command.indent));
            column = command.indent;
          }
      }
    }
  }
  endLine(0);
  return out.join("");
}

/** Does the text up to the next possible line break fit into `room` columns? */
function fits(first: Command, room: number, rest: readonly Command[]): boolean {
  const stack: Command[] = [first];
  let next = rest.length;
  let left = room;
  while (left >= 0) {
    const command = stack.pop() ?? rest[--next];
    if (!command) return true;
    const { doc, flat } = command;
    if (typeof doc === "string") left -= textWidth(doc);
    else if (isList(doc)) for (let i = doc.length - 1; i >= 0; i--) stack.push({ ...command, doc: doc[i]! });
    else if (doc.kind === "indent") stack.push({ ...command, doc: doc.content });
    else if (doc.kind === "group") stack.push({ ...command, doc: doc.content, flat: flat && !doc.broken });
    else if (doc.kind === "broken") left -= flat ? 0 : doc.text.length;
    else if (doc.kind === "verbatim") return left >= doc.text.indexOf("\n");
    else if (doc.kind === "continued") return left > doc.lines[0]!.length;
    else if (doc.kind === "line") {
      if (!flat || doc.flat === null) return true;
      left -= doc.flat.length;
    }
  }
  return false;
}

function onFreshLine(out: readonly string[]): boolean {
  return out.length === 0 || out.at(-1)!.endsWith("\n");
}

/** Columns count code points, as everywhere in the language. */
function textWidth(text: string): number {
  let width = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) width++;
  return width;
}

function trimEnd(out: string[]): void {
  while (out.length > 0) {
    const last = out.at(-1)!;
    const trimmed = last.replace(/ +$/, "");
    if (trimmed === last && last !== "") return;
    if (trimmed !== "") {
      out[out.length - 1] = trimmed;
      return;
    }
    out.pop();
  }
}

import type { Comment, NodeBase } from "../ast/node.ts";
import { type Doc, freshLine, hardLine, indent, lineSuffix, verbatim } from "./doc.ts";

/**
 * Walks the tokens of a source beside its tree, so that every token and every comment is printed exactly once.
 *
 * A comment belongs to the token before it when nothing but the line's end follows, else to the token after it.
 */
export class Cursor {
  readonly text: string;
  private readonly comments: readonly Comment[];
  /** Everything before is printed, except comments from `pending` on. */
  private at = 0;
  private pending = 0;
  private lastEnd = 0;
  /** Where the last thing that was printed ended: `at`, but for tokens passed over. */
  private printedTo = 0;

  constructor(text: string, comments: readonly Comment[]) {
    this.text = text;
    this.comments = comments;
  }

  /** Where the next token starts. */
  get next(): number {
    let at = this.at;
    for (let i = this.pending; ; i++) {
      at = this.skipBlanks(at);
      const comment = this.comments[i];
      if (comment === undefined || comment.start > at) return at;
      at = Math.max(at, comment.end);
    }
  }

  peek(token: string): boolean {
    return this.text.startsWith(token, this.next);
  }

  /** The next token with the comments around it. */
  token(text: string): Doc {
    const start = this.next;
    if (!this.text.startsWith(text, start)) throw new Error(`expected ${text} at offset ${start}`);
    return this.take(start, start + text.length, text);
  }

  /** A piece of the source as it stands. */
  verbatim({ start, end }: NodeBase): Doc {
    return this.take(start, end, verbatim(this.text.slice(start, end)));
  }

  /** The next token, up to `end`, printed as `doc`. */
  take(start: number, end: number, doc: Doc): Doc {
    const before = this.inFront(start);
    this.at = end;
    this.lastEnd = end;
    this.printedTo = end;
    while (this.pending < this.comments.length && this.comments[this.pending]!.start < end) this.pending++;
    const behind = this.behind();
    return before === "" && behind === "" ? doc : [before, doc, behind];
  }

  /** Passes over a token that is not printed (a superfluous `;`). Comments before it stay. */
  skip(end: number): void {
    this.at = Math.max(this.at, end);
    this.lastEnd = this.at;
  }

  /**
   * Comments in front of the next token, for places where a line starts; ends where the token goes.
   * Blank lines are kept, one for many: not those in front of everything when `first`, none unless `keepsBlanks`.
   */
  atLineStart(first: boolean, keepsBlanks = true): Doc {
    const start = this.next;
    const parts: Doc[] = [];
    let from = this.printedTo;
    let before = !first;
    for (; this.comments[this.pending] !== undefined && this.comments[this.pending]!.start < start; this.pending++) {
      const comment = this.comments[this.pending]!;
      if (keepsBlanks && before && this.lineBreaks(from, comment.start) > 1) parts.push(hardLine);
      const end = this.lineBreaks(comment.end, this.nextThing(this.pending + 1, start)) > 0 || comment.kind === "line";
      parts.push(verbatim(this.commentText(comment)), end ? hardLine : " ");
      before = end;
      from = comment.end;
    }
    if (keepsBlanks && before && this.lineBreaks(from, start) > 1) parts.push(hardLine);
    this.at = Math.max(this.at, from);
    this.printedTo = from;
    return parts;
  }

  /** The comments up to the next token, one a line, for bodies that end with them. */
  dangling(first: boolean): readonly Doc[] {
    const start = this.next;
    const lines: Doc[] = [];
    let from = this.printedTo;
    for (; this.comments[this.pending] !== undefined && this.comments[this.pending]!.start < start; this.pending++) {
      const comment = this.comments[this.pending]!;
      const blank = !(first && lines.length === 0) && this.lineBreaks(from, comment.start) > 1;
      lines.push([blank ? hardLine : "", verbatim(this.commentText(comment))]);
      from = comment.end;
    }
    this.at = Math.max(this.at, from);
    this.printedTo = from;
    return lines;
  }

  /** Is there a line break between what was printed last and the next token? */
  get breaksHere(): boolean {
    return this.lineBreaks(this.at, this.nextThing(this.pending, this.next)) > 0;
  }

  /** Was the token before the current place a `;`? */
  get isBehindSemicolon(): boolean {
    return this.text[this.lastEnd - 1] === ";";
  }

  get hasComments(): boolean {
    const comment = this.comments[this.pending];
    return comment !== undefined && comment.start < this.next;
  }

  hasCommentsBefore(end: number): boolean {
    const comment = this.comments[this.pending];
    return comment !== undefined && comment.start < end;
  }

  private inFront(start: number): Doc {
    const comments: Comment[] = [];
    let ownLine = false;
    for (; this.comments[this.pending] !== undefined && this.comments[this.pending]!.start < start; this.pending++) {
      const comment = this.comments[this.pending]!;
      comments.push(comment);
      ownLine ||= comment.kind === "line" || this.lineBreaks(comment.end, this.nextThing(this.pending + 1, start)) > 0;
    }
    if (comments.length === 0) return "";
    const texts = comments.map((comment) => verbatim(this.commentText(comment)));
    return ownLine
      ? indent(texts.flatMap((text) => [freshLine, text]).concat(hardLine))
      : ",;):.?".includes(this.text[start] ?? " ")
        ? texts.flatMap((text) => [" ", text])
        : texts.flatMap((text) => [text, " "]);
  }

  /** Comments that end the line of the token just taken. */
  private behind(): Doc {
    let ends = this.pending;
    let from = this.at;
    for (; ends < this.comments.length; ends++) {
      const comment = this.comments[ends]!;
      if (!/^[^\S\n]*$/.test(this.text.slice(from, comment.start))) break;
      from = comment.end;
      if (comment.kind === "line") {
        ends++;
        break;
      }
    }
    if (ends === this.pending) return "";
    const last = this.comments[ends - 1]!;
    const rest = this.skipBlanks(from);
    const endsLine = last.kind === "line" || rest === this.text.length || this.lineBreaks(from, rest) > 0;
    if (!endsLine) return "";
    const texts = this.comments.slice(this.pending, ends).map((comment) => this.commentText(comment));
    this.pending = ends;
    this.at = from;
    this.printedTo = from;
    return lineSuffix(texts.join(" "));
  }

  private commentText({ start, end }: Comment): string {
    return this.text.slice(start, end).trimEnd();
  }

  private nextThing(comment: number, token: number): number {
    return Math.min(this.comments[comment]?.start ?? token, token);
  }

  private lineBreaks(from: number, to: number): number {
    let count = 0;
    for (let i = from; i < to; i++) if (this.text.charCodeAt(i) === 10) count++;
    return count;
  }

  private skipBlanks(at: number): number {
    while (at < this.text.length && " \t\n\r\f".includes(this.text[at]!)) at++;
    return at;
  }
}

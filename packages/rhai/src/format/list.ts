import type { Cursor } from "./cursor.ts";
import { type Doc, group, hardLine, ifBroken, indent, line, softLine } from "./doc.ts";

export interface ListStyle {
  readonly open: string;
  readonly close: string;
  /** Between the brackets and the items when all fit on one line. */
  readonly padding: "" | " ";
  /** Written over several lines it stays so, and blank lines between items stay. */
  readonly keepsLines: boolean;
}

/** `open item, item close`, flat or one item a line with a trailing comma. */
export function printList<T>(cursor: Cursor, style: ListStyle, items: readonly T[], print: (item: T) => Doc): Doc {
  if (items.length === 0) return printEmptyList(cursor, style);
  const open = cursor.token(style.open);
  const expanded = style.keepsLines && cursor.breaksHere;
  const parts: Doc[] = [];
  items.forEach((item, i) => {
    const last = i === items.length - 1;
    if (i > 0) parts.push(line);
    parts.push(cursor.atLineStart(i === 0, expanded), print(item));
    if (!last) parts.push(cursor.peek(",") ? cursor.token(",") : ",");
    else parts.push(cursor.peek(",") ? cursor.take(cursor.next, cursor.next + 1, ifBroken(",")) : ifBroken(","));
  });
  const rest = cursor.dangling(false);
  for (const comment of rest) parts.push(hardLine, comment);
  const edge = style.padding === "" ? softLine : line;
  return group([open, indent([edge, parts]), edge, cursor.token(style.close)], expanded);
}

function printEmptyList(cursor: Cursor, { open, close }: ListStyle): Doc {
  const start = cursor.token(open);
  const comments = cursor.dangling(true);
  if (comments.length === 0) return group([start, softLine, cursor.token(close)]);
  return [start, indent(comments.map((comment) => [hardLine, comment])), hardLine, cursor.token(close)];
}

import { forEachChild } from "./children.ts";
import type { Comment, Expr, Program, Statement } from "./node.ts";

/** The nodes that hold an offset, from the outermost to the innermost. Their ends count as inside, for cursors behind a name. */
export function nodesAt(program: Program, offset: number): readonly (Statement | Expr)[] {
  const path: (Statement | Expr)[] = [];
  let outer: Program | Statement | Expr = program;
  for (;;) {
    let inner: Statement | Expr | undefined;
    forEachChild(outer, (child) => {
      if (child.start <= offset && offset <= child.end) inner = child;
    });
    if (inner === undefined) return path;
    path.push(inner);
    outer = inner;
  }
}

/** The comments that lie in a range of offsets, in source order. */
export function commentsIn(program: Program, start: number, end: number): readonly Comment[] {
  const { comments } = program;
  let low = 0;
  let high = comments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comments[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  let after = low;
  while (after < comments.length && comments[after]!.end <= end) after++;
  return comments.slice(low, after);
}

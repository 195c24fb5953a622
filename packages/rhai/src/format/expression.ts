import type {
  Binary,
  Call,
  Closure,
  Expr,
  Index,
  InterpolatedString,
  Literal,
  Logical,
  MapEntry,
  Member,
  MethodCall,
} from "../ast/node.ts";
import { walk } from "../ast/walk.ts";
import type { Cursor } from "./cursor.ts";
import { continued, type Doc, group, indent, line, softLine, verbatim } from "./doc.ts";
import { type ListStyle, printList } from "./list.ts";
import { printBody } from "./statement.ts";

const ARRAY: ListStyle = { open: "[", close: "]", padding: "", keepsLines: true };
const MAP: ListStyle = { open: "#{", close: "}", padding: " ", keepsLines: true };
const ARGUMENTS: ListStyle = { open: "(", close: ")", padding: "", keepsLines: false };

export function printExpression(cursor: Cursor, node: Expr): Doc {
  switch (node.kind) {
    case "Literal":
      return printLiteral(cursor, node);
    case "InterpolatedString":
      return printInterpolated(cursor, node);
    case "This":
      return cursor.token("this");
    case "Array":
      return printList(cursor, ARRAY, node.items, (item) => printExpression(cursor, item));
    case "Map":
      return printList(cursor, MAP, node.entries, (entry) => printEntry(cursor, entry));
    case "Variable":
      return [...printPath(cursor, node.path), cursor.token(node.name)];
    case "Unary": {
      const op = cursor.token(node.op);
      return [op, needsBlank(cursor, node.op, node.operand) ? " " : "", printExpression(cursor, node.operand)];
    }
    case "Binary":
      return node.op === ".." || node.op === "..=" ? printRange(cursor, node) : printOperators(cursor, node);
    case "Logical":
      return printOperators(cursor, node);
    case "Call":
      return [printCallName(cursor, node), printArguments(cursor, node.args)];
    case "MethodCall":
    case "Member":
    case "Index":
      return printChain(cursor, node);
    case "StatementExpr":
      return printBody(cursor, node.statement);
    case "Closure":
      return printClosure(cursor, node);
    case "Paren": {
      const open = cursor.token("(");
      const inner = printExpression(cursor, node.expr);
      return [open, inner, cursor.token(")")];
    }
  }
}

/** `name(a, b)`: parameters of functions. */
export function printNames(cursor: Cursor, names: readonly { readonly name: string }[]): Doc {
  return printList(cursor, ARGUMENTS, names, ({ name }) => cursor.token(name));
}

function printLiteral(cursor: Cursor, node: Literal): Doc {
  const { start, end, type } = node;
  if (start === end) return "";
  const text = cursor.text.slice(start, end);
  if (type === "float" && text.endsWith(".")) return cursor.take(start, end, `${text}0`);
  return isContinued(cursor.text, node)
    ? cursor.take(start, end, printContinued(cursor.text, node))
    : cursor.verbatim(node);
}

function isContinued(source: string, { start, end }: Literal): boolean {
  return source[start] === '"' && source.slice(start, end).includes("\n");
}

function printContinued(source: string, { start, end }: Literal): Doc {
  const lineStart = source.lastIndexOf("\n", start) + 1;
  const quoteColumn = [...source.slice(lineStart, start)].length + 1;
  const [first = "", ...rest] = source.slice(start, end).split(/\\\r?\n/);
  return continued([first, ...rest.map((part) => dropMargin(part, quoteColumn))]);
}

/** As written, but for continued strings in it, whose lines have to follow when it moves. */
function printInterpolated(cursor: Cursor, node: InterpolatedString): Doc {
  const { text } = cursor;
  const parts: Doc[] = [];
  let at = node.start;
  walk(node, {
    enter: (inner) => {
      if (inner.kind === "Literal" && isContinued(text, inner)) {
        parts.push(verbatim(text.slice(at, inner.start)), printContinued(text, inner));
        at = inner.end;
      }
      return true;
    },
  });
  return cursor.take(node.start, node.end, [...parts, verbatim(text.slice(at, node.end))]);
}

/** What the language drops after a line continuation (spec 1.6): blanks in the columns up to that of the quote. */
function dropMargin(text: string, columns: number): string {
  let at = 0;
  while (at < columns && /[ \t\r\f]/.test(text[at] ?? "")) at++;
  return text.slice(at);
}

function printEntry(cursor: Cursor, entry: MapEntry): Doc {
  const key = cursor.take(entry.keyStart, entry.keyEnd, cursor.text.slice(entry.keyStart, entry.keyEnd));
  return [key, cursor.token(":"), " ", printExpression(cursor, entry.value)];
}

function printPath(cursor: Cursor, path: readonly { readonly name: string }[]): readonly Doc[] {
  return path.map(({ name }) => [cursor.token(name), cursor.token("::")]);
}

function printCallName(cursor: Cursor, node: Call): Doc {
  return [...printPath(cursor, node.path), cursor.token(node.name), node.capture ? cursor.token("!") : ""];
}

/** `--x`, `++x` would be other tokens, and `-5` another tree than `- 5`. */
function needsBlank(cursor: Cursor, op: string, operand: Expr): boolean {
  const next = cursor.text[cursor.next] ?? "";
  if (operand.kind === "Binary" && operand.open !== undefined) return true;
  return next === op || (op === "-" && /\d/.test(next)) || (op === "!" && next === "i") || next === "." || next === "=";
}

function printRange(cursor: Cursor, node: Binary): Doc {
  const left = printExpression(cursor, node.left);
  const op = cursor.token(node.op);
  return [left, op, printExpression(cursor, node.right)];
}

/** A chain of operators of one kind of binding is laid out as one: all on a line, or one operand a line. */
function printOperators(cursor: Cursor, node: Binary | Logical): Doc {
  if (hugs(node.right)) {
    const left = printExpression(cursor, node.left);
    const op = cursor.token(node.op);
    return [left, " ", op, " ", printExpression(cursor, node.right)];
  }
  const operands: Doc[] = [];
  const collect = (expr: Expr): void => {
    if (isOperator(expr) && binding(expr.op) === binding(node.op)) {
      collect(expr.left);
      const op = cursor.token(expr.op);
      operands.push([line, op, " ", printExpression(cursor, expr.right)]);
    } else operands.push(printExpression(cursor, expr));
  };
  collect(node);
  const [first = "", ...rest] = operands;
  return group([first, indent(rest)]);
}

function isOperator(expr: Expr): expr is Binary | Logical {
  return expr.kind === "Logical" || (expr.kind === "Binary" && expr.op !== ".." && expr.op !== "..=");
}

function binding(op: string): string {
  if (op === "+" || op === "-") return "sum";
  if (op === "*" || op === "/" || op === "%") return "product";
  return op;
}

type Link = MethodCall | Member | Index;

function printChain(cursor: Cursor, node: Link): Doc {
  const links: Link[] = [];
  let root: Expr = node;
  while (root.kind === "MethodCall" || root.kind === "Member" || root.kind === "Index") {
    links.unshift(root);
    root = root.object;
  }
  const calls = links.filter(({ kind }) => kind === "MethodCall").length;
  const first = printExpression(cursor, root);
  const parts = links.map((link) => [link.kind !== "Index" && calls > 2 ? softLine : "", printLink(cursor, link)]);
  return calls > 2 ? group([first, indent(parts)]) : [first, ...parts];
}

function printLink(cursor: Cursor, link: Link): Doc {
  if (link.kind === "Index") {
    const open = cursor.token(link.optional ? "?[" : "[");
    const index = printExpression(cursor, link.index);
    return [open, index, cursor.token("]")];
  }
  const name = [cursor.token(link.optional ? "?." : "."), cursor.token(link.name)];
  return link.kind === "Member" ? name : [...name, printArguments(cursor, link.args)];
}

function printArguments(cursor: Cursor, args: readonly Expr[]): Doc {
  const last = args.at(-1);
  if (last === undefined || !hugs(last) || !args.slice(0, -1).every(isShort) || cursor.hasCommentsBefore(last.end)) {
    return printList(cursor, ARGUMENTS, args, (arg) => printExpression(cursor, arg));
  }
  const open = cursor.token("(");
  const printed = args.map((arg, i) => [
    printExpression(cursor, arg),
    i < args.length - 1 ? [cursor.token(","), " "] : "",
  ]);
  if (cursor.peek(",")) printed.push([cursor.take(cursor.next, cursor.next + 1, "")]);
  return [open, printed, cursor.token(")")];
}

/** A last argument that opens and closes with the call: `f(#{ … })`, `list.map(|x| { … })`. */
function hugs(arg: Expr): boolean {
  if (arg.kind === "Closure") return arg.body.kind === "Block";
  return (arg.kind === "Map" && arg.entries.length > 0) || (arg.kind === "Array" && arg.items.length > 0);
}

function isShort(arg: Expr): boolean {
  return arg.kind === "Variable" || arg.kind === "This" || (arg.kind === "Literal" && arg.end - arg.start < 30);
}

function printClosure(cursor: Cursor, node: Closure): Doc {
  const parts: Doc[] = [];
  if (node.params.length === 0 && cursor.peek("||")) parts.push(cursor.token("||"));
  else {
    const open = cursor.token("|");
    const names = node.params.map(({ name }, i) => [
      cursor.token(name),
      cursor.peek(",") ? [cursor.token(","), i < node.params.length - 1 ? " " : ""] : "",
    ]);
    parts.push(open, names, cursor.token("|"));
  }
  if (node.body.end > node.body.start) parts.push(" ", printBody(cursor, node.body));
  return parts;
}

import type { Block, IfStatement, Statement, SwitchArm, SwitchStatement } from "../ast/node.ts";
import { isSelfTerminated } from "../parse/statement-parser.ts";
import type { Cursor } from "./cursor.ts";
import { type Doc, freshLine, group, hardLine, indent, line, softLine } from "./doc.ts";
import { printExpression, printNames } from "./expression.ts";
import { printList } from "./list.ts";

/** Statements one a line, with their comments and the blank lines between them. */
export function printStatements(cursor: Cursor, statements: readonly Statement[]): readonly Doc[] {
  const lines: Doc[] = [];
  for (const statement of statements) {
    if (statement.kind === "Empty") cursor.skip(statement.end);
    else
      lines.push([
        cursor.atLineStart(lines.length === 0),
        printStatement(cursor, statement, statement === statements.at(-1)),
      ]);
  }
  return lines;
}

/** Ends without `;` where the language needs none, or where the writer left it out to show that this is the value. */
function printStatement(cursor: Cursor, statement: Statement, isLast: boolean): Doc {
  const printed = printBody(cursor, statement);
  if (isSelfTerminated(statement)) {
    if (cursor.peek(";")) cursor.skip(cursor.next + 1);
    return printed;
  }
  if (cursor.peek(";")) return [printed, cursor.token(";")];
  return isLast && statement.kind === "Expression" ? printed : [printed, ";"];
}

/** A statement without its `;`: also closure bodies, arms of `switch`, and statements in the place of expressions. */
export function printBody(cursor: Cursor, statement: Statement): Doc {
  switch (statement.kind) {
    case "Empty":
      return "";
    case "Expression":
      return printExpression(cursor, statement.expr);
    case "Assignment": {
      const target = printExpression(cursor, statement.target);
      const op = cursor.token(statement.op);
      return [target, " ", op, " ", printExpression(cursor, statement.value)];
    }
    case "Let": {
      const head = words(cursor, [
        statement.exported && "export",
        statement.isConst ? "const" : "let",
        statement.name.name,
      ]);
      if (statement.init === null) return head;
      return [head, " ", cursor.token("="), " ", printExpression(cursor, statement.init)];
    }
    case "Block":
      return group(printBlock(cursor, statement));
    case "If":
      return group(printIf(cursor, statement));
    case "While": {
      const head = [cursor.token("while"), " ", printExpression(cursor, statement.condition), " "];
      return group([head, printBlock(cursor, statement.body)]);
    }
    case "Loop":
      return group([cursor.token("loop"), " ", printBlock(cursor, statement.body)]);
    case "Do": {
      const body = [cursor.token("do"), " ", printBlock(cursor, statement.body)];
      const keyword = continuation(cursor, statement.until ? "until" : "while");
      return group([body, keyword, " ", printExpression(cursor, statement.condition)]);
    }
    case "For":
      return group([
        cursor.token("for"),
        " ",
        printForNames(cursor, statement),
        " ",
        cursor.token("in"),
        " ",
        printExpression(cursor, statement.iterable),
        " ",
        printBlock(cursor, statement.body),
      ]);
    case "Switch":
      return printSwitch(cursor, statement);
    case "Return":
    case "Throw":
    case "Break": {
      const keyword = cursor.token(statement.kind.toLowerCase());
      return statement.value === null ? keyword : [keyword, " ", printExpression(cursor, statement.value)];
    }
    case "Continue":
      return cursor.token("continue");
    case "Try": {
      const body = [cursor.token("try"), " ", printBlock(cursor, statement.body)];
      const keyword = continuation(cursor, "catch");
      const variable =
        statement.variable === null
          ? ""
          : [" ", cursor.token("("), cursor.token(statement.variable.name), cursor.token(")")];
      return group([body, keyword, variable, " ", printBlock(cursor, statement.handler)]);
    }
    case "Import": {
      const path = [cursor.token("import"), " ", printExpression(cursor, statement.path)];
      return statement.alias === null ? path : [path, " ", words(cursor, ["as", statement.alias.name])];
    }
    case "Export":
      return words(cursor, ["export", statement.name.name, statement.alias !== null && "as", statement.alias?.name]);
    case "Function": {
      const head = words(cursor, [statement.isPrivate && "private", "fn"]);
      const receiver = statement.thisType === null ? "" : printReceiver(cursor, statement.nameStart);
      const name = cursor.token(statement.name);
      return [
        head,
        " ",
        receiver,
        name,
        group(printNames(cursor, statement.params)),
        " ",
        group(printBlock(cursor, statement.body)),
      ];
    }
  }
}

function words(cursor: Cursor, parts: readonly (string | false | undefined)[]): Doc {
  const present = parts.filter((part) => part !== false && part !== undefined);
  return present.map((part, i) => [i > 0 ? " " : "", cursor.token(part)]);
}

/** `Type.` of `fn Type.name()`; a type that is no identifier stands in quotes. */
function printReceiver(cursor: Cursor, nameStart: number): Doc {
  const start = cursor.next;
  const text = cursor.text.slice(start, nameStart);
  const quote = text[0] === '"' || text[0] === "`" || text[0] === "#";
  const length = quote ? Math.max(text.lastIndexOf('"'), text.lastIndexOf("`")) + 1 : /^\w+/.exec(text)![0].length;
  const type = cursor.verbatim({ start, end: start + length });
  return [type, cursor.token(".")];
}

function printForNames(cursor: Cursor, { variable, counter }: Extract<Statement, { kind: "For" }>): Doc {
  if (counter === null) return cursor.token(variable.name);
  return [
    cursor.token("("),
    cursor.token(variable.name),
    cursor.token(","),
    " ",
    cursor.token(counter.name),
    cursor.token(")"),
  ];
}

/** `else`, `catch`, `while` behind a block: on the same line, but below comments that stand between. */
function continuation(cursor: Cursor, keyword: string): Doc {
  if (!cursor.hasComments) return [" ", cursor.token(keyword)];
  const comments = cursor.dangling(true);
  return [comments.map((comment) => [freshLine, comment]), hardLine, cursor.token(keyword)];
}

function printIf(cursor: Cursor, { condition, then, otherwise }: IfStatement): Doc {
  const head = [cursor.token("if"), " ", printExpression(cursor, condition), " ", printBlock(cursor, then)];
  if (otherwise === null) return head;
  const keyword = continuation(cursor, "else");
  return [head, keyword, " ", otherwise.kind === "If" ? printIf(cursor, otherwise) : printBlock(cursor, otherwise)];
}

/** Not a group: the blocks of one `if` are all on one line or none is. */
function printBlock(cursor: Cursor, { body }: Block): Doc {
  const statements = body.filter(({ kind }) => kind !== "Empty");
  if (statements.length === 0) return printEmptyBlock(cursor, body);
  const open = cursor.token("{");
  const inline = !cursor.breaksHere && statements.length === 1 && statements[0]!.kind === "Expression";
  const lines: Doc[] = [...printStatements(cursor, body)];
  const endsInSemicolon = statements.at(-1)!.kind !== "Expression" || cursor.isBehindSemicolon;
  lines.push(...cursor.dangling(false));
  const edge = inline && !endsInSemicolon ? line : hardLine;
  return [open, indent(lines.map((doc, i) => [i === 0 ? edge : hardLine, doc])), edge, cursor.token("}")];
}

function printEmptyBlock(cursor: Cursor, body: readonly Statement[]): Doc {
  const open = cursor.token("{");
  if (body.length > 0) cursor.skip(body.at(-1)!.end);
  const comments = cursor.dangling(true);
  if (comments.length === 0) return group([open, softLine, cursor.token("}")]);
  return [open, indent(comments.map((comment) => [hardLine, comment])), hardLine, cursor.token("}")];
}

function printSwitch(cursor: Cursor, { subject, arms }: SwitchStatement): Doc {
  const head = [cursor.token("switch"), " ", printExpression(cursor, subject), " "];
  const style = { open: "{", close: "}", padding: " ", keepsLines: true } as const;
  return [head, printList(cursor, style, arms, (arm) => printArm(cursor, arm))];
}

function printArm(cursor: Cursor, { labels, guard, body }: SwitchArm): Doc {
  const pattern =
    labels.length === 0
      ? cursor.token("_")
      : labels.map((label, i) => [i > 0 ? [" ", cursor.token("|"), " "] : "", printExpression(cursor, label)]);
  const condition = guard === null ? "" : [" ", cursor.token("if"), " ", printExpression(cursor, guard)];
  return [pattern, condition, " ", cursor.token("=>"), " ", printBody(cursor, body)];
}

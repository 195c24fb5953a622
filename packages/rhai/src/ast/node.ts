import type { Value } from "../values/value.ts";

/**
 * The syntax tree as written: nothing is folded, removed or renamed, so that tools can print it back.
 *
 * `start` and `end` are UTF-16 offsets into the source (end exclusive). `pos` is where the reference reports errors of
 * that node (an operator, a function name), also an offset.
 */
export interface NodeBase {
  readonly start: number;
  readonly end: number;
}

export interface Identifier extends NodeBase {
  readonly kind: "Identifier";
  readonly name: string;
}

// ---- expressions ----

/** A literal. `value` is what it evaluates to, the text is in the source (`0xff`, `1_000`, `#"raw"#`). */
export interface Literal extends NodeBase {
  readonly kind: "Literal";
  readonly type: "unit" | "bool" | "int" | "float" | "char" | "string";
  readonly value: Value;
}

/** A back-tick string with interpolations: `quasis` has one more element than `blocks`. */
export interface InterpolatedString extends NodeBase {
  readonly kind: "InterpolatedString";
  readonly quasis: readonly TextPart[];
  readonly blocks: readonly Block[];
}

export interface TextPart extends NodeBase {
  readonly text: string;
}

export interface ArrayLiteral extends NodeBase {
  readonly kind: "Array";
  readonly items: readonly Expr[];
}

export interface MapLiteral extends NodeBase {
  readonly kind: "Map";
  readonly entries: readonly MapEntry[];
}

export interface MapEntry extends NodeBase {
  readonly key: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Expr;
}

export interface Variable extends NodeBase {
  readonly kind: "Variable";
  readonly name: string;
  /** `a::b::name` has path [a, b]. */
  readonly path: readonly Identifier[];
  /** Start of the name itself (after the path). */
  readonly pos: number;
}

export interface This extends NodeBase {
  readonly kind: "This";
}

export interface Unary extends NodeBase {
  readonly kind: "Unary";
  readonly op: "-" | "+" | "!";
  readonly operand: Expr;
}

export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "**"
  | "<<"
  | ">>"
  | "&"
  | "|"
  | "^"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | ".."
  | "..="
  | "in"
  | "!in";

export interface Binary extends NodeBase {
  readonly kind: "Binary";
  readonly op: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  /** Start of the operator. */
  readonly pos: number;
  readonly opEnd: number;
  /** Bounds that are not written: `..5`, `1..`. Such operands are zero-width literals. */
  readonly open?: "left" | "right" | "both";
}

export interface Logical extends NodeBase {
  readonly kind: "Logical";
  readonly op: "&&" | "||" | "??";
  readonly left: Expr;
  /** The right side of `??` may be a jump statement, wrapped in a StatementExpr. */
  readonly right: Expr;
  readonly pos: number;
}

export interface Call extends NodeBase {
  readonly kind: "Call";
  readonly name: string;
  readonly path: readonly Identifier[];
  readonly args: readonly Expr[];
  /** `name!(…)`: runs in the caller's scope. */
  readonly capture: boolean;
  /** Start of the name. */
  readonly pos: number;
  readonly nameEnd: number;
}

export interface MethodCall extends NodeBase {
  readonly kind: "MethodCall";
  readonly object: Expr;
  readonly name: string;
  readonly args: readonly Expr[];
  readonly optional: boolean;
  readonly pos: number;
  readonly nameEnd: number;
  readonly dotPos: number;
}

export interface Member extends NodeBase {
  readonly kind: "Member";
  readonly object: Expr;
  readonly name: string;
  readonly optional: boolean;
  /** Start of the property name. */
  readonly pos: number;
  readonly dotPos: number;
}

export interface Index extends NodeBase {
  readonly kind: "Index";
  readonly object: Expr;
  readonly index: Expr;
  readonly optional: boolean;
  /** Start of the bracket. */
  readonly pos: number;
}

/** A statement in the place of an expression: block, `if`, `switch`, loops, and jumps after `??`. */
export interface StatementExpr extends NodeBase {
  readonly kind: "StatementExpr";
  readonly statement: Statement;
}

export interface Closure extends NodeBase {
  readonly kind: "Closure";
  readonly params: readonly Identifier[];
  readonly body: Statement;
  /** `anon$` + 16 hex digits. */
  readonly name: string;
}

/** Parentheses are kept for the formatter. */
export interface Paren extends NodeBase {
  readonly kind: "Paren";
  readonly expr: Expr;
}

export type Expr =
  | Literal
  | InterpolatedString
  | ArrayLiteral
  | MapLiteral
  | Variable
  | This
  | Unary
  | Binary
  | Logical
  | Call
  | MethodCall
  | Member
  | Index
  | StatementExpr
  | Closure
  | Paren;

// ---- statements ----

export interface EmptyStatement extends NodeBase {
  readonly kind: "Empty";
}

export interface ExpressionStatement extends NodeBase {
  readonly kind: "Expression";
  readonly expr: Expr;
}

export type AssignOperator = "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "**=" | "<<=" | ">>=" | "&=" | "|=" | "^=";

export interface Assignment extends NodeBase {
  readonly kind: "Assignment";
  readonly op: AssignOperator;
  readonly target: Expr;
  readonly value: Expr;
  readonly pos: number;
}

export interface LetStatement extends NodeBase {
  readonly kind: "Let";
  readonly name: Identifier;
  readonly init: Expr | null;
  readonly isConst: boolean;
  /** `export let` / `export const`. */
  readonly exported: boolean;
}

export interface Block extends NodeBase {
  readonly kind: "Block";
  readonly body: readonly Statement[];
}

export interface IfStatement extends NodeBase {
  readonly kind: "If";
  readonly condition: Expr;
  readonly then: Block;
  readonly otherwise: Block | IfStatement | null;
}

export interface WhileStatement extends NodeBase {
  readonly kind: "While";
  readonly condition: Expr;
  readonly body: Block;
}

export interface LoopStatement extends NodeBase {
  readonly kind: "Loop";
  readonly body: Block;
}

export interface DoStatement extends NodeBase {
  readonly kind: "Do";
  readonly body: Block;
  readonly until: boolean;
  readonly condition: Expr;
}

export interface ForStatement extends NodeBase {
  readonly kind: "For";
  readonly variable: Identifier;
  readonly counter: Identifier | null;
  readonly iterable: Expr;
  readonly body: Block;
}

export interface SwitchStatement extends NodeBase {
  readonly kind: "Switch";
  readonly subject: Expr;
  readonly arms: readonly SwitchArm[];
}

export interface SwitchArm extends NodeBase {
  /** Empty for `_`. */
  readonly labels: readonly Expr[];
  readonly guard: Expr | null;
  readonly body: Statement;
}

export interface JumpStatement extends NodeBase {
  readonly kind: "Return" | "Throw" | "Break";
  readonly value: Expr | null;
}

export interface ContinueStatement extends NodeBase {
  readonly kind: "Continue";
}

export interface TryStatement extends NodeBase {
  readonly kind: "Try";
  readonly body: Block;
  readonly variable: Identifier | null;
  readonly handler: Block;
}

export interface ImportStatement extends NodeBase {
  readonly kind: "Import";
  readonly path: Expr;
  readonly alias: Identifier | null;
}

export interface ExportStatement extends NodeBase {
  readonly kind: "Export";
  readonly name: Identifier;
  readonly alias: Identifier | null;
}

export interface FunctionDefinition extends NodeBase {
  readonly kind: "Function";
  readonly name: string;
  readonly nameStart: number;
  /** Receiver type of `fn Type.name(…)`, as written (`int`, `float` and host names included). */
  readonly thisType: string | null;
  readonly params: readonly Identifier[];
  readonly isPrivate: boolean;
  readonly body: Block;
  /** Text of the `///` and `/** … *\/` comments right above, in order, markers included. */
  readonly docComments: readonly string[];
  /** Offset of `fn`. */
  readonly pos: number;
}

export type Statement =
  | EmptyStatement
  | ExpressionStatement
  | Assignment
  | LetStatement
  | Block
  | IfStatement
  | WhileStatement
  | LoopStatement
  | DoStatement
  | ForStatement
  | SwitchStatement
  | JumpStatement
  | ContinueStatement
  | TryStatement
  | ImportStatement
  | ExportStatement
  | FunctionDefinition;

export type Node = Expr | Statement | Identifier;

/** A comment, in source order in `Program.comments`. Everything else between tokens is blank. */
export interface Comment extends NodeBase {
  readonly kind: "line" | "block";
  /** `///`, `//!`, `/** … *\/`. */
  readonly isDoc: boolean;
}

export interface Program extends NodeBase {
  readonly kind: "Program";
  readonly body: readonly Statement[];
  readonly comments: readonly Comment[];
}

import type { Call, Expression, Node, Template } from "./ast.ts";
import type { Span } from "./source.ts";

/** A variable that a template cannot do without, and where it is needed first. */
export interface NeededVariable {
  readonly name: string;
  readonly span: Span;
}

/**
 * The variables that somebody has to give a template: those whose value it needs wherever it comes to, conditions and `default`
 * apart, and that it does not set itself. Branches and loops count as taken. What is included or extended is not looked into.
 */
export function variablesOf(template: Template): readonly NeededVariable[] {
  const needed = new Map<string, Span>();
  const set = new Set<string>();
  const note = (name: string, span: Span, bound: ReadonlySet<string>): void => {
    if (!bound.has(name) && !set.has(name) && !needed.has(name)) needed.set(name, span);
  };

  const expression = (at: Expression, bound: ReadonlySet<string>): void => {
    switch (at.kind) {
      case "variable":
        note(at.name, at.span, bound);
        break;
      case "member":
        expression(at.of, bound);
        expression(at.key, bound);
        break;
      case "filtered":
        if (at.filter.name !== "default") expression(at.of, bound);
        call(at.filter, bound);
        break;
      case "function":
      case "macro":
        call(at.call, bound);
        break;
      case "array":
        for (const item of at.items) expression(item, bound);
        break;
      case "test":
        if (at.name !== "defined" && at.name !== "undefined") expression(at.of, bound);
        break;
      case "negative":
        expression(at.of, bound);
        break;
      case "binary":
        // Of both sides of `and` and `or` what is undefined is false.
        if (at.operator === "and" || at.operator === "or") break;
        expression(at.left, bound);
        expression(at.right, bound);
        break;
      default:
        break;
    }
  };
  const call = ({ args }: Call, bound: ReadonlySet<string>): void => {
    for (const { value } of args) expression(value, bound);
  };

  const nodes = (all: readonly Node[], bound: ReadonlySet<string>): void => {
    for (const node of all) {
      switch (node.kind) {
        case "print":
          expression(node.value, bound);
          break;
        case "if":
          for (const branch of node.branches) {
            const asked = namesIn(branch.condition);
            // A branch that is taken because a variable is there may count on it.
            nodes(branch.body, new Set([...bound, ...asked]));
          }
          nodes(node.otherwise, new Set([...bound, ...node.branches.flatMap(({ condition }) => namesIn(condition))]));
          break;
        case "for":
          expression(node.of, bound);
          nodes(node.body, new Set([...bound, "loop", node.item, ...(node.key === undefined ? [] : [node.key])]));
          nodes(node.empty, bound);
          break;
        case "set":
          expression(node.value, bound);
          set.add(node.name);
          break;
        case "filter":
          call(node.filter, bound);
          nodes(node.body, bound);
          break;
        case "block":
          nodes(node.body, bound);
          break;
        default:
          break;
      }
    }
  };
  nodes(template.body, new Set());
  if (template.extends !== undefined) for (const body of template.blocks.values()) nodes(body, new Set());
  return [...needed].map(([name, span]) => ({ name, span }));
}

/** Variables that an expression asks for in any way. */
function namesIn(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case "variable":
      return [expression.name];
    case "member":
    case "filtered":
    case "not":
    case "negative":
    case "test":
      return namesIn(expression.of);
    case "binary":
      return [...namesIn(expression.left), ...namesIn(expression.right)];
    default:
      return [];
  }
}

import type { Diagnostic } from "@blockvisor/image";
import { type Ast, type Expr, type Node, type Program, type Source, unparen, walk } from "@blockvisor/rhai";
import { parametersIn } from "./parameters.ts";

/** A property key that a script reads, and where. */
interface PropertyUse {
  readonly key: string;
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

interface PropertyUses {
  readonly uses: readonly PropertyUse[];
  /** The parameters also go somewhere that cannot be followed, so any of them may be used. */
  readonly escapes: boolean;
}

/**
 * Literal keys of `node_params()` and `node_env().properties`, also through variables and constants that hold them.
 * What cannot be followed counts as an escape, never as a finding.
 */
function propertyUses(ast: Ast): PropertyUses {
  const isParams = parametersIn(ast.program);
  const uses: PropertyUse[] = [];
  let escapes = false;
  const note = (key: string, start: number, end: number): void =>
    void uses.push({ key, source: ast.source, start, end });

  const visit = (node: Expr | Program | Node, parent: Node | Program): void => {
    if (node.kind === "Index" && isParams(node.object)) {
      const index = unparen(node.index);
      if (index.kind === "Literal" && typeof index.value === "string") note(index.value, index.start, index.end);
      else escapes = true;
    } else if (node.kind === "Member" && isParams(node.object)) {
      note(node.name, node.pos, node.end);
    } else if (
      isExpression(node) &&
      isParams(node) &&
      !isRead(parent, node) &&
      parent.kind !== "Let" &&
      parent.kind !== "Paren"
    ) {
      escapes = true;
    }
  };
  walk(ast.program, {
    enter(node, parent) {
      visit(node, parent);
      return true;
    },
  });
  return { uses, escapes };
}

function isExpression(node: Expr | Program | Node): node is Expr {
  return node.kind === "Call" || node.kind === "Member" || node.kind === "Variable";
}

/** `parent` reads a key of `node`: the access itself is what counts. */
function isRead(parent: Node | Program, node: Node | Program): boolean {
  return (parent.kind === "Index" || parent.kind === "Member") && parent.object === node;
}

/** NIB502 keys that babel.yaml does not define, NIB503 properties that no script reads. */
export function propertyFindings(asts: Iterable<Ast>, properties: readonly string[]): Diagnostic[] {
  const all = [...asts].map(propertyUses);
  const uses = all.flatMap((one) => one.uses);
  const undefinedKeys = uses
    .filter((use) => !properties.includes(use.key))
    .map(
      ({ key, source, start, end }): Diagnostic => ({
        code: "NIB502",
        severity: "error",
        message: `'${key}' not defined in babel.yaml`,
        file: source.name,
        range: { start: place(source, start), end: place(source, end) },
        help: properties.length > 0 ? `properties: ${properties.join(", ")}` : "add it below `properties:`",
      }),
    );
  if (all.some((one) => one.escapes)) return undefinedKeys;
  const unused = properties.filter((key) => !uses.some((use) => use.key === key));
  return [
    ...undefinedKeys,
    ...unused.map(
      (key): Diagnostic => ({
        code: "NIB503",
        severity: "warning",
        message: `property '${key}' of babel.yaml is never read by the plugin`,
        // The linter does not see babel.yaml: whoever does finds the place by this.
        path: `properties.${key}`,
      }),
    ),
  ];
}

function place(source: Source, offset: number): { readonly line: number; readonly column: number } {
  const { line, column } = source.position(offset);
  return { line, column };
}

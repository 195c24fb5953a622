import { forEachChild } from "../ast/children.ts";
import type {
  Assignment,
  Block,
  Call,
  Closure,
  Expr,
  FunctionDefinition,
  Identifier,
  ImportStatement,
  LetStatement,
  Node,
  Program,
  Variable,
} from "../ast/node.ts";
import { unparen } from "../ast/positions.ts";
import type { Binding, Import, Script } from "./script.ts";

type Owner = FunctionDefinition | Closure | null;
type Findings = Pick<
  Script,
  | "functions"
  | "bindings"
  | "imports"
  | "unknownVariables"
  | "unknownModules"
  | "calls"
  | "methodCalls"
  | "assignments"
  | "captures"
  | "globalReads"
  | "resolved"
  | "functionUses"
  | "usesEval"
>;

interface Scope {
  readonly variables: Map<string, Binding>;
  readonly imports: Map<string, Import>;
  readonly owner: Owner;
}

/** Follows names through a script the way the language looks them up. */
export function analyze(program: Program, globals: ReadonlySet<string>): Findings {
  const functions = program.body.filter((statement) => statement.kind === "Function");
  const functionNames = new Set(functions.map(({ name }) => name));
  const bindings: Binding[] = [];
  const imports: Import[] = [];
  const unknownVariables: { node: Variable; owner: Owner; visible: string[] }[] = [];
  const unknownModules: { node: Variable | Call; visible: string[] }[] = [];
  const calls: { node: Call; variable: Binding | null }[] = [];
  const methodCalls: Script["methodCalls"][number][] = [];
  const assignments: { node: Assignment; root: Binding | null }[] = [];
  const captures: { variable: Variable; binding: Binding }[] = [];
  const globalReads: { node: Variable; owner: Owner }[] = [];
  const resolved = new Map<Expr, Binding>();
  const functionUses = new Map<string, Set<FunctionDefinition | null>>();
  let usesEval = false;

  let scopes: Scope[] = [];
  let owner: Owner = null;
  let definition: FunctionDefinition | null = null;

  const find = (name: string): Binding | null => {
    for (let i = scopes.length - 1; i >= 0; i--) {
      const binding = scopes[i]!.variables.get(name);
      if (binding !== undefined) return binding;
    }
    return null;
  };
  const findImport = (name: string): Import | null => {
    for (let i = scopes.length - 1; i >= 0; i--) {
      const found = scopes[i]!.imports.get(name);
      if (found !== undefined) return found;
    }
    return null;
  };
  const useFunction = (name: string): void => {
    if (!functionUses.has(name)) functionUses.set(name, new Set());
    functionUses.get(name)!.add(definition);
  };
  const within = (run: () => void): void => {
    scopes.push({ variables: new Map(), imports: new Map(), owner });
    run();
    scopes.pop();
  };

  const declare = (kind: Binding["kind"], name: Identifier, declaration: LetStatement | null): Binding => {
    const scope = scopes.at(-1)!;
    const hidden = find(name.name);
    const binding: Binding = {
      kind,
      name,
      declaration,
      owner,
      isGlobal: owner === null && scopes.length === 1,
      hides: hidden,
      redeclares: hidden !== null && scope.variables.get(name.name) === hidden,
      reads: [],
      writes: [],
      exported: declaration?.exported ?? false,
      escapes: false,
    };
    scope.variables.set(name.name, binding);
    bindings.push(binding);
    return binding;
  };

  const declareImport = (statement: ImportStatement): void => {
    const { alias } = statement;
    const path = unparen(statement.path);
    const found: Import = {
      statement,
      alias,
      path: path.kind === "Literal" && typeof path.value === "string" ? path.value : null,
      replaces: alias === null ? null : (scopes.at(-1)!.imports.get(alias.name) ?? null),
      isGlobal: owner === null && scopes.length === 1,
      uses: [],
    };
    if (alias !== null) scopes.at(-1)!.imports.set(alias.name, found);
    imports.push(found);
  };

  const visibleNames = (): string[] => scopes.flatMap(({ variables }) => [...variables.keys()]);
  const visibleModules = (): string[] => scopes.flatMap((scope) => [...scope.imports.keys()]);

  const useModule = (node: Variable | Call): void => {
    const alias = node.path[0]!.name;
    const found = findImport(alias);
    if (found !== null) found.uses.push(node);
    else unknownModules.push({ node, visible: visibleModules() });
  };

  const visitVariable = (node: Variable): void => {
    if (node.path.length > 0) {
      if (node.path.length === 1 && node.path[0]!.name === "global") globalReads.push({ node, owner });
      else useModule(node);
      return;
    }
    const binding = find(node.name);
    if (binding !== null) {
      binding.reads.push(node);
      resolved.set(node, binding);
      if (binding.owner !== owner && binding.kind.startsWith("loop")) captures.push({ variable: node, binding });
    } else if (functionNames.has(node.name)) useFunction(node.name);
    else if (!(owner === null && globals.has(node.name))) {
      unknownVariables.push({ node, owner, visible: visibleNames() });
    }
  };

  const visitCall = (node: Call): void => {
    if (node.path.length > 0) {
      useModule(node);
    } else {
      calls.push({ node, variable: find(node.name) });
      useFunction(node.name);
      if (node.name === "eval") usesEval = true;
      if (node.name === "eval" || node.capture) letEscape();
      const first = node.args[0] === undefined ? null : unparen(node.args[0]);
      if (node.name === "is_def_var" && first?.kind === "Literal" && typeof first.value === "string") {
        const binding = find(first.value);
        if (binding !== null) binding.escapes = true;
      }
    }
    forEachChild(node, visit);
  };

  /** Code that cannot be seen runs with the variables of this place. */
  const letEscape = (): void => {
    for (const scope of scopes) for (const binding of scope.variables.values()) binding.escapes = true;
  };

  const visitAssignment = (node: Assignment): void => {
    visit(node.value);
    const target = unparen(node.target);
    if (target.kind === "Variable" && target.path.length === 0) {
      const binding = find(target.name);
      if (binding === null) visit(target);
      else {
        binding.writes.push(node);
        resolved.set(target, binding);
        if (binding.owner !== owner) binding.escapes = true;
      }
      assignments.push({ node, root: binding });
      return;
    }
    visit(target);
    assignments.push({ node, root: rootOf(target, resolved) });
  };

  const visitBlock = (node: Block): void => within(() => node.body.forEach(visit));

  const visitFunction = (node: FunctionDefinition | Closure, body: () => void): void => {
    const outer = owner;
    owner = node;
    within(() => {
      for (const param of node.params) declare("parameter", param, null);
      body();
    });
    owner = outer;
  };

  const visit = (node: Node): void => {
    switch (node.kind) {
      case "Variable":
        visitVariable(node);
        return;
      case "Call":
        visitCall(node);
        return;
      case "MethodCall":
        methodCalls.push(node);
        useFunction(node.name);
        forEachChild(node, visit);
        return;
      case "Literal":
        if (typeof node.value === "string" && functionNames.has(node.value)) useFunction(node.value);
        return;
      case "Assignment":
        visitAssignment(node);
        return;
      case "Block":
        visitBlock(node);
        return;
      case "Let":
        forEachChild(node, visit);
        declare(node.isConst ? "const" : "let", node.name, node);
        return;
      case "Import":
        visit(node.path);
        declareImport(node);
        return;
      case "Export": {
        const binding = find(node.name.name);
        if (binding !== null) binding.exported = true;
        else unknownVariables.push({ node: asVariable(node.name), owner, visible: visibleNames() });
        return;
      }
      case "For":
        visit(node.iterable);
        within(() => {
          declare("loop variable", node.variable, null);
          if (node.counter !== null) declare("loop counter", node.counter, null);
          visit(node.body);
        });
        return;
      case "Try":
        visit(node.body);
        within(() => {
          if (node.variable !== null) declare("catch variable", node.variable, null);
          visit(node.handler);
        });
        return;
      case "Switch":
        visit(node.subject);
        for (const { labels, guard, body } of node.arms) {
          labels.forEach(visit);
          if (guard !== null) visit(guard);
          within(() => visit(body));
        }
        return;
      case "Closure":
        visitFunction(node, () => visit(node.body));
        return;
      case "Function":
        return;
      default:
        forEachChild(node, visit);
        return;
    }
  };

  const top: Scope = { variables: new Map(), imports: new Map(), owner: null };
  scopes = [top];
  program.body.forEach(visit);
  for (const node of functions) {
    // A function sees the modules imported at the top of its script, but none of its variables.
    scopes = [{ variables: new Map(), imports: top.imports, owner: null }];
    definition = node;
    visitFunction(node, () => visit(node.body));
  }
  return {
    functions,
    bindings,
    imports,
    unknownVariables,
    unknownModules,
    calls,
    methodCalls,
    assignments,
    captures,
    globalReads,
    resolved,
    functionUses,
    usesEval,
  };
}

/** The variable an assignment to one of its parts goes to: `a` in `a.b[0]`. */
export function rootOf(target: Expr, resolved: ReadonlyMap<Expr, Binding>): Binding | null {
  let root = unparen(target);
  while (root.kind === "Member" || root.kind === "Index") root = unparen(root.object);
  return resolved.get(root) ?? null;
}

function asVariable({ name, start, end }: Identifier): Variable {
  return { kind: "Variable", name, path: [], pos: start, start, end };
}

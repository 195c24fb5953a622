import type {
  Assignment,
  Call,
  Closure,
  Expr,
  FunctionDefinition,
  Identifier,
  ImportStatement,
  LetStatement,
  MethodCall,
  Program,
  Variable,
} from "../ast/node.ts";
import type { KnownFunctions, ModuleLookup } from "./options.ts";

/** A name that a script declares, and what it does with it. */
export interface Binding {
  readonly kind: "let" | "const" | "parameter" | "loop variable" | "loop counter" | "catch variable";
  readonly name: Identifier;
  readonly declaration: LetStatement | null;
  /** The function or closure it belongs to; null at the top of the script. */
  readonly owner: FunctionDefinition | Closure | null;
  /** Declared at the top of the script, outside of every block. */
  readonly isGlobal: boolean;
  /** What it hides: a binding of the same name that was visible at the declaration. */
  readonly hides: Binding | null;
  /** The hidden binding is of the same block. */
  readonly redeclares: boolean;
  readonly reads: Variable[];
  readonly writes: Assignment[];
  exported: boolean;
  /** Something may use it that cannot be seen: `eval`, `f!()`, `is_def_var`. */
  escapes: boolean;
}

export interface Import {
  readonly statement: ImportStatement;
  readonly alias: Identifier | null;
  /** The path when it is written as plain text. */
  readonly path: string | null;
  /** An import of the same alias in the same block that this one replaces. */
  readonly replaces: Import | null;
  readonly isGlobal: boolean;
  readonly uses: (Variable | Call)[];
}

/** A variable that is not declared where it is used. */
export interface UnknownVariable {
  readonly node: Variable;
  readonly owner: FunctionDefinition | Closure | null;
  /** Names that are visible at this place. */
  readonly visible: readonly string[];
}

/** A use of `alias::name` whose alias no import declares. */
interface UnknownModule {
  readonly node: Variable | Call;
  readonly visible: readonly string[];
}

/** The call and the variable of that name at this place, which calls do not look at. */
interface FunctionCall {
  readonly node: Call;
  readonly variable: Binding | null;
}

/** A closure and the loop variables of an outer function that it captures. */
interface Capture {
  readonly variable: Variable;
  readonly binding: Binding;
}

/** Everything the rules look at: the tree, who declares what, who uses what. */
export interface Script {
  readonly text: string;
  readonly name: string;
  readonly program: Program;
  /** Functions the script may call besides its own: standard library and host. */
  readonly known: KnownFunctions;
  readonly globals: ReadonlySet<string>;
  readonly modules: ModuleLookup | null;
  readonly entryPoints: ReadonlySet<string> | null;
  /** Syntax errors left holes in the tree: what seems to be missing or unused may not be. */
  readonly isPartial: boolean;
  readonly functions: readonly FunctionDefinition[];
  readonly bindings: readonly Binding[];
  readonly imports: readonly Import[];
  readonly unknownVariables: readonly UnknownVariable[];
  readonly unknownModules: readonly UnknownModule[];
  readonly calls: readonly FunctionCall[];
  readonly methodCalls: readonly MethodCall[];
  readonly assignments: readonly { readonly node: Assignment; readonly root: Binding | null }[];
  readonly captures: readonly Capture[];
  /** `global::NAME` and where it is used. */
  readonly globalReads: readonly { readonly node: Variable; readonly owner: FunctionDefinition | Closure | null }[];
  /** The binding a bare variable stands for. */
  readonly resolved: ReadonlyMap<Expr, Binding>;
  /** Names of functions that something refers to, and from where (null: the top of the script). */
  readonly functionUses: ReadonlyMap<string, ReadonlySet<FunctionDefinition | null>>;
  /** The script runs texts that cannot be seen. */
  readonly usesEval: boolean;
}

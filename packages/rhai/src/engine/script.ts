import type { FunctionDefinition, Program } from "../ast/node.ts";
import { buildUnit } from "../compile/build-unit.ts";
import type { Unit, UnitState } from "../compile/unit.ts";
import type { Source } from "../errors/position.ts";
import type { Ast, FunctionInfo } from "./ast.ts";

/** The engine's own form of an `Ast`. */
export class Script implements Ast {
  readonly source: Source;
  readonly program: Program;
  readonly unit: Unit;
  /** State after the last run of the top-level statements, for calls that do not run them again. */
  lastState: UnitState | null = null;
  private infos: readonly FunctionInfo[] | null = null;

  constructor(source: Source, program: Program) {
    this.source = source;
    this.program = program;
    this.unit = buildUnit(source, program);
  }

  get functions(): readonly FunctionInfo[] {
    return (this.infos ??= this.program.body
      .filter((statement): statement is FunctionDefinition => statement.kind === "Function")
      .map((node) => ({
        name: node.name,
        params: node.params.map((param) => param.name),
        isPrivate: node.isPrivate,
        thisType: node.thisType,
        docComments: node.docComments,
        start: this.source.position(node.start),
        end: this.source.position(node.end),
        node,
      })));
  }
}

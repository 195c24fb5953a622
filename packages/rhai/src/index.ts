export { forEachChild } from "./ast/children.ts";
export { freeVariables } from "./ast/free-variables.ts";
export { commentsIn, nodesAt } from "./ast/locate.ts";
export type * from "./ast/node.ts";
export { errorOffset, startOffset, unparen } from "./ast/positions.ts";
export { type Visitor, walk } from "./ast/walk.ts";
export { checkScript, checkText } from "./check/check.ts";
export type { CheckOptions, ModuleLookup } from "./check/options.ts";
export { RULES, type RuleCode } from "./check/rules.ts";
export type { Ast, FunctionInfo } from "./engine/ast.ts";
export { float, fromJs, int, type ToJsOptions, toJs } from "./engine/convert.ts";
export { Engine } from "./engine/engine.ts";
export type { RegisteredType } from "./engine/host-types.ts";
export type { CallOptions, CompileOptions, EngineOptions, RunOptions } from "./engine/options.ts";
export { Scope } from "./engine/scope.ts";
export type { Diagnostic } from "./errors/diagnostic.ts";
export type { ParseErrorKind, RuntimeErrorKind } from "./errors/kinds.ts";
export { type Position, Source, type Span } from "./errors/position.ts";
export { type CallFrame, RhaiError, type SourceLookup } from "./errors/rhai-error.ts";
export { formatScript } from "./format/format.ts";
export { DEFAULT_LIMITS, type Limits } from "./host/limits.ts";
export {
  type CallContext,
  type HostMethod,
  type HostType,
  type NativeFn,
  type NativeOptions,
  type ParamType,
  t,
} from "./host/native.ts";
export { MemoryResolver } from "./modules/memory-resolver.ts";
export type { ImporterInfo, ModuleResolver, ResolvedModule } from "./modules/resolver.ts";
export { DEFAULT_PARSE_OPTIONS, type ParseOptions } from "./parse/options.ts";
export { parse, parseAll } from "./parse/parse.ts";
export { toJson } from "./std/json-writer.ts";
export { debug, display, rawDebug, rawDisplay } from "./text/format.ts";
export { RhaiArray } from "./values/array.ts";
export { Blob } from "./values/blob.ts";
export { Char, char, charOf } from "./values/char.ts";
export { share } from "./values/copy.ts";
export { Float } from "./values/float.ts";
export { FnPtr } from "./values/fn-pointer.ts";
export { HostObject } from "./values/host-object.ts";
export type { Int } from "./values/int.ts";
export { SequenceValue } from "./values/iterator.ts";
export { RhaiMap } from "./values/map.ts";
export { Range } from "./values/range.ts";
export { Timestamp } from "./values/timestamp.ts";
export { typeNameOf } from "./values/type-name.ts";
export { tagOf, type Value } from "./values/value.ts";

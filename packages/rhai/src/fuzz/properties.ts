import { forEachChild } from "../ast/children.ts";
import type { Program } from "../ast/node.ts";
import { checkText } from "../check/check.ts";
import { Engine } from "../engine/engine.ts";
import type { Diagnostic } from "../errors/diagnostic.ts";
import { Source, type Span } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { formatScript } from "../format/format.ts";
import { parse, parseAll } from "../parse/parse.ts";
import { utf8Length } from "../text/code-points.ts";
import { debug, display } from "../text/format.ts";
import { RhaiArray } from "../values/array.ts";
import { Blob } from "../values/blob.ts";
import { RhaiMap } from "../values/map.ts";
import type { Value } from "../values/value.ts";

/** What went wrong with a text, in one sentence; null when every property holds. */
export function brokenProperty(text: string): string | null {
  const program = attempt(() => parse(new Source(text)));
  return (
    parserReports(text, program) ??
    (program.kind === "value"
      ? (treeIsInside(text, program.value) ?? formatterRoundTrips(text, program.value))
      : null) ??
    checkerReports(text) ??
    engineKeepsLimits(text)
  );
}

type Attempt<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "rhai"; readonly error: RhaiError }
  | Crash;
type Crash = { readonly kind: "crash"; readonly error: unknown };

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { kind: "value", value: work() };
  } catch (error) {
    return error instanceof RhaiError ? { kind: "rhai", error } : { kind: "crash", error };
  }
}

function crash(who: string, { error }: Crash): string {
  return `${who} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** The first syntax error and all of them agree, and every place is inside the text. */
function parserReports(text: string, program: Attempt<Program>): string | null {
  if (program.kind === "crash") return crash("the parser", program);
  const all = attempt(() => parseAll(new Source(text)));
  if (all.kind === "crash") return crash("the collecting parser", all);
  if (all.kind === "rhai") return `the collecting parser threw: ${all.error.message}`;
  const { diagnostics } = all.value;
  if (program.kind === "value") return diagnostics.length > 0 ? `parses, but with: ${diagnostics[0]!.message}` : null;
  const { error } = program;
  if (error.kind !== "ErrorParsing" || error.parseKind === null)
    return `the parser threw ${error.kind}: ${error.message}`;
  if (!diagnostics.some(({ message }) => message === error.text))
    return `'${error.text}' is not among the collected errors`;
  const start = error.position?.offset ?? 0;
  return isInside(text, { start, end: error.endPosition?.offset ?? start })
    ? firstOutside(text, diagnostics)
    : "a syntax error is outside of the text";
}

function isInside(text: string, { start, end }: Span): boolean {
  return 0 <= start && start <= end && end <= text.length;
}

function firstOutside(text: string, diagnostics: readonly Diagnostic[]): string | null {
  const outside = diagnostics.find((diagnostic) => !isInside(text, diagnostic));
  return outside === undefined ? null : `${outside.code} is outside of the text: ${outside.start}..${outside.end}`;
}

/** Every node lies inside its parent, and comments lie in order. */
function treeIsInside(text: string, program: Program): string | null {
  let wrong: string | null = null;
  const visit = (node: Parameters<typeof forEachChild>[0]): void => {
    forEachChild(node, (child) => {
      if (child.start < node.start || child.end > node.end || child.start > child.end) {
        wrong ??= `${child.kind} ${child.start}..${child.end} is not inside ${node.kind} ${node.start}..${node.end}`;
      }
      visit(child);
    });
  };
  visit(program);
  let at = 0;
  for (const { start, end } of program.comments) {
    if (start < at || end < start || end > text.length) wrong ??= `comment ${start}..${end} is out of order`;
    at = end;
  }
  return wrong;
}

/** Formatting keeps the tree (it checks that itself) and the comments, and is stable. */
function formatterRoundTrips(text: string, program: Program): string | null {
  const once = attempt(() => formatScript(text));
  if (once.kind === "crash") return crash("the formatter", once);
  if (once.kind === "rhai") return `the formatter refused a program that parses: ${once.error.message}`;
  const twice = attempt(() => formatScript(once.value));
  if (twice.kind !== "value") return "the formatter refused its own output";
  if (twice.value !== once.value) return `formatting twice differs:\n${once.value}\n---\n${twice.value}`;
  const comments = (of: Program, from: string) =>
    of.comments.map(({ start, end }) => from.slice(start, end).trim()).sort();
  const kept = comments(parse(new Source(once.value), { ...FORMATTER_LIMITS }), once.value);
  return comments(program, text).join("\n") === kept.join("\n") ? null : `comments were lost or made: ${once.value}`;
}

const FORMATTER_LIMITS = {
  exprDepth: 0,
  functionExprDepth: 0,
  functions: 0,
  stringSize: 0,
  arraySize: 0,
  mapSize: 0,
  disabledSymbols: null,
};

function checkerReports(text: string): string | null {
  const findings = attempt(() => checkText(text));
  if (findings.kind === "crash") return crash("the checker", findings);
  return findings.kind === "rhai" ? `the checker threw: ${findings.error.message}` : firstOutside(text, findings.value);
}

const LIMITS = {
  operations: 20_000,
  stringSize: 10_000,
  arraySize: 2_000,
  mapSize: 2_000,
  variables: 200,
  memoryBytes: 64 * 2 ** 20,
  wallClockMs: 5_000,
};

/** A run ends, with a value within the limits or with an error of the language; its value can be printed. */
function engineKeepsLimits(text: string): string | null {
  let printed = 0;
  const engine = new Engine({
    limits: LIMITS,
    onPrint: (line) => {
      printed = Math.max(printed, utf8Length(line));
    },
    onDebug: () => undefined,
    onSleep: () => undefined,
  });
  const result = attempt(() => engine.eval(text));
  if (result.kind === "crash") return crash("the engine", result);
  if (result.kind === "rhai") {
    const message = attempt(() => `${result.error.message}${result.error.codeFrame()}`);
    return message.kind === "value" ? null : "an error that cannot be printed";
  }
  const shown = attempt(() => display(result.value) + debug(result.value));
  if (shown.kind !== "value") return "a value that cannot be printed";
  const large = tooLarge(result.value);
  return large === null ? null : `the limits let through ${large}`;
}

function tooLarge(value: Value): string | null {
  if (typeof value === "string" && utf8Length(value) > LIMITS.stringSize)
    return `a string of ${utf8Length(value)} bytes`;
  if (value instanceof RhaiArray && value.items.length > LIMITS.arraySize) return `an array of ${value.items.length}`;
  if (value instanceof Blob && value.bytes.length > LIMITS.arraySize) return `a blob of ${value.bytes.length}`;
  if (value instanceof RhaiMap && value.size > LIMITS.mapSize) return `a map of ${value.size}`;
  return null;
}

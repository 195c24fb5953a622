import { codeFrame } from "./code-frame.ts";
import type { Diagnostic, Severity } from "./diagnostic.ts";

export interface RenderOptions {
  readonly format?: "text" | "json";
  /** File name as in the diagnostics → text; files that are not here get no code frame. */
  readonly sources?: Readonly<Record<string, string>>;
  readonly color?: boolean;
}

const COLOR: Readonly<Record<Severity, string>> = { error: "31", warning: "33", info: "36" };

/** Findings as people or programs read them: frames separated by a blank line, or a JSON array. Empty for no findings in text form. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string {
  if (options.format === "json") return JSON.stringify(diagnostics.map(diagnosticJson));
  return diagnostics.map((diagnostic) => renderOne(diagnostic, options)).join("\n\n");
}

/** The machine-readable form of one finding (spec nib-and-images.md §1.9). */
export function diagnosticJson(diagnostic: Diagnostic) {
  const { code, severity, message, file, range, path, help, fix } = diagnostic;
  return {
    code,
    severity,
    message,
    ...(file !== undefined && { file }),
    ...(range && {
      line: range.start.line,
      col: range.start.column,
      endLine: range.end.line,
      endCol: range.end.column,
    }),
    ...(path !== undefined && { path }),
    ...(help !== undefined && { help }),
    ...(fix && {
      fix: {
        title: fix.title,
        line: fix.range.start.line,
        col: fix.range.start.column,
        endLine: fix.range.end.line,
        endCol: fix.range.end.column,
        text: fix.text,
      },
    }),
  };
}

function renderOne(diagnostic: Diagnostic, options: RenderOptions): string {
  const { file, range, severity } = diagnostic;
  const place = range ? `${file ?? ""}:${range.start.line}:${range.start.column} ` : file ? `${file} ` : "";
  const level = options.color ? `\x1b[${COLOR[severity]}m${severity}\x1b[0m` : severity;
  const lines = [`${place}${level} ${diagnostic.code} ${diagnostic.message}`];
  const source = file === undefined ? undefined : options.sources?.[file];
  if (range && source !== undefined) lines.push(codeFrame(source, range));
  if (diagnostic.help !== undefined)
    lines.push(...diagnostic.help.split("\n").map((line, index) => `   ${index ? "      " : "help: "}${line}`));
  return lines.join("\n");
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** By file, then place, then severity; findings without a place come first in their file. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted(
    (a, b) =>
      (a.file ?? "").localeCompare(b.file ?? "") ||
      (a.range?.start.line ?? 0) - (b.range?.start.line ?? 0) ||
      (a.range?.start.column ?? 0) - (b.range?.start.column ?? 0) ||
      RANK[a.severity] - RANK[b.severity],
  );
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

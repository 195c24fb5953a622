import { CODE_TITLES } from "./code-titles.ts";
import type { Diagnostic, Severity } from "./diagnostic.ts";

const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  error: "error",
  warning: "warning",
  info: "note",
};

/**
 * Findings as a SARIF 2.1.0 log, the form that code hosts take (GitHub code scanning among them: each result has a rule and one place, a
 * path without a scheme). Equal findings are one result. A finding without a file is about `fallback`.
 */
export function sarifLog(
  diagnostics: readonly Diagnostic[],
  { name, version, fallback }: { readonly name: string; readonly version: string; readonly fallback: string },
) {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const results = diagnostics.map(({ code, severity, message, help, file = fallback, range }) => ({
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: LEVELS[severity],
    message: { text: help === undefined ? message : `${message}\n${help}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          region: {
            startLine: range?.start.line ?? 1,
            startColumn: range?.start.column ?? 1,
            ...(range && { endLine: range.end.line, endColumn: range.end.column }),
          },
        },
      },
    ],
  }));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name,
            semanticVersion: version,
            rules: codes.map((id) => ({ id, shortDescription: { text: CODE_TITLES[id] ?? id } })),
          },
        },
        columnKind: "utf16CodeUnits",
        results: [...new Map(results.map((result) => [JSON.stringify(result), result])).values()],
      },
    ],
  } as const;
}

const uriOf = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
